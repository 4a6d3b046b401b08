"""Means `netplan`: the VIPs in a netplan file of `lo`, for the networkd renderer; netplan-yaml(5)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from carom.errors import RealServerError
from carom.realserver.persist.common import HEADER, Ground, Item, Means, loopback_addresses, rule_items, sysctl_items
from carom.realserver.steps import Step

PATH = "/etc/netplan/90-carom.yaml"
_NETWORKMANAGER = re.compile(r"^\s*renderer:\s*[\"']?NetworkManager", re.MULTILINE)


def items(steps: tuple[Step, ...], ground: Ground) -> tuple[Item, ...]:
    return tuple(_items(steps, ground))


def _items(steps: tuple[Step, ...], ground: Ground) -> Iterator[Item]:
    yield from sysctl_items(steps)
    yield from rule_items(steps, ground)
    addresses = loopback_addresses(steps, "netplan")
    if not addresses:
        return
    for path, text in ground.texts("/etc/netplan/*.yaml").items():
        if _NETWORKMANAGER.search(text):
            raise RealServerError(
                f"{path} renders by NetworkManager, where netplan makes no profile for lo; "
                "use --persist networkmanager or --persist systemd"
            )
    lines = "".join(f'        - "{vip}/{vip.max_prefixlen}"\n' for vip in addresses)
    content = (
        f"{HEADER}network:\n"
        "  version: 2\n"
        "  ethernets:\n"
        "    lo:\n"
        "      renderer: networkd\n"
        "      match:\n"
        "        name: lo\n"
        "      addresses:\n"
        f"{lines}"
    )
    # netplan warns of files that others can read.
    yield Item(PATH, content, mode=0o600)


MEANS = Means(
    name="netplan",
    summary="the VIPs in a netplan file of lo (renderer networkd)",
    items=items,
)
