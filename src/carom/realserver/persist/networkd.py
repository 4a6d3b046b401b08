"""Means `networkd`: the VIPs in systemd-networkd's own configuration of `lo`; systemd.network(5)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from carom.realserver.persist.common import HEADER, Ground, Item, Means, loopback_addresses, rule_items, sysctl_items
from carom.realserver.steps import Step

PATH = "/etc/systemd/network/10-carom-lo.network"
_FOLDERS = ("/etc/systemd/network", "/run/systemd/network", "/usr/lib/systemd/network", "/lib/systemd/network")
_LOOPBACK = re.compile(r"^Name=(?:.*\s)?lo(?:\s|$)", re.MULTILINE)


def items(steps: tuple[Step, ...], ground: Ground) -> tuple[Item, ...]:
    return tuple(_items(steps, ground))


def _items(steps: tuple[Step, ...], ground: Ground) -> Iterator[Item]:
    yield from sysctl_items(steps)
    yield from rule_items(steps, ground)
    addresses = loopback_addresses(steps, "networkd")
    if not addresses:
        return
    # Detection waits for other holders of the address, and the director is one: it must not be done for a VIP.
    sections = "".join(
        f"\n[Address]\nAddress={vip}/{vip.max_prefixlen}\nDuplicateAddressDetection=none\n" for vip in addresses
    )
    theirs = _configures_loopback(ground)
    if theirs:
        yield Item(f"/etc/systemd/network/{theirs}.d/50-carom.conf", HEADER + sections.lstrip("\n"))
    else:
        yield Item(PATH, f"{HEADER}[Match]\nName=lo\n{sections}")


def _configures_loopback(ground: Ground) -> str:
    """The name of an existing file for `lo`. networkd takes the first that matches, so ours has to add to it."""
    found = {
        path.rpartition("/")[2]
        for folder in _FOLDERS
        for path, text in ground.texts(f"{folder}/*.network").items()
        if _LOOPBACK.search(text) and path != PATH
    }
    return min(found, default="")


MEANS = Means(
    name="networkd",
    summary="the VIPs in systemd-networkd's configuration of lo",
    items=items,
)
