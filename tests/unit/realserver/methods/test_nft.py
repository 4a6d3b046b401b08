"""Method nft: one table for all VIPs, and each VIP an element."""

from __future__ import annotations

from dataclasses import replace

from carom.realserver.methods.nft import METHOD, TABLE
from carom.realserver.steps import NftElement
from tests.unit.realserver.words import RIP, VIP, VIP2, VIP6, WISH


def test_one_table_and_two_elements_for_each_ipv4_vip() -> None:
    steps = METHOD.steps(replace(WISH, vips=(VIP, VIP2, VIP6), tool="nft"))
    assert steps.count(TABLE) == 1
    assert [step for step in steps if isinstance(step, NftElement)] == [
        NftElement("arp", "carom", "vips", str(VIP)),
        NftElement("arp", "carom", "rips", str(VIP), str(RIP)),
        NftElement("arp", "carom", "vips", str(VIP2)),
        NftElement("arp", "carom", "rips", str(VIP2), str(RIP)),
    ]
