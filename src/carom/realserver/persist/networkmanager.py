"""Means `networkmanager`: the VIPs in a NetworkManager profile of type loopback; nm-settings-keyfile(5).

NetworkManager manages `lo` since 1.42; an older one ignores the profile. It keeps 127.0.0.1 and ::1 by itself.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from carom.model import Address
from carom.realserver.persist.common import HEADER, Ground, Item, Means, loopback_addresses, rule_items, sysctl_items
from carom.realserver.steps import Step

PATH = "/etc/NetworkManager/system-connections/carom-lo.nmconnection"
_UUID = uuid.uuid5(uuid.NAMESPACE_URL, f"file://{PATH}")


def items(steps: tuple[Step, ...], ground: Ground) -> tuple[Item, ...]:
    return tuple(_items(steps, ground))


def _items(steps: tuple[Step, ...], ground: Ground) -> Iterator[Item]:
    yield from sysctl_items(steps)
    yield from rule_items(steps, ground)
    addresses = loopback_addresses(steps, "networkmanager")
    if addresses:
        content = (
            f"{HEADER}[connection]\n"
            "id=carom-lo\n"
            f"uuid={_UUID}\n"
            "type=loopback\n"
            "interface-name=lo\n"
            "\n"
            f"{_section(4, addresses, '127.0.0.1/8')}"
            "\n"
            f"{_section(6, addresses, '::1/128')}"
        )
        # A profile that others could read is ignored: it may hold secrets.
        yield Item(PATH, content, mode=0o600)


def _section(version: int, addresses: tuple[Address, ...], own: str) -> str:
    wanted = [own, *(f"{vip}/{vip.max_prefixlen}" for vip in addresses if vip.version == version)]
    lines = "".join(f"address{number}={each}\n" for number, each in enumerate(wanted, start=1))
    return f"[ipv{version}]\nmethod=manual\n{lines}"


MEANS = Means(
    name="networkmanager",
    summary="the VIPs in a NetworkManager profile of lo (NetworkManager 1.42 or later)",
    items=items,
)
