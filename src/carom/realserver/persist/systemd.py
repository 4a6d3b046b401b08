"""Means `systemd`: one oneshot unit does every step before any network manager starts.

network-pre.target is what all of them order themselves after (systemd.special(7)), so no NIC is up yet when the VIP
appears, and none is configured without the silence.
"""

from __future__ import annotations

from collections.abc import Iterator

from carom.realserver.persist.common import Ground, Item, Means, nft_items, sysctl_items, unit_items
from carom.realserver.steps import Step


def items(steps: tuple[Step, ...], ground: Ground) -> tuple[Item, ...]:
    return tuple(_items(steps, ground))


def _items(steps: tuple[Step, ...], ground: Ground) -> Iterator[Item]:
    yield from sysctl_items(steps)
    yield from nft_items(steps)
    yield from unit_items(steps, ground)


MEANS = Means(
    name="systemd",
    summary="a oneshot unit ordered before the network comes up; works under every network manager",
    items=items,
)
