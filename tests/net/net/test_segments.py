"""Neighbours on VLANs of their own, on the segment that `tests.net.segment` draws.

Where the kernel has no VLANs, a NIC of a VLAN interface's name stands in for one: to neighbours it is the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from ipaddress import ip_address

import pytest

from carom.errors import NetError
from carom.model import Address
from carom.net.segments import SegmentNeighbours
from tests.net.segment import inside, rip, segment

FAR: Address = ip_address("10.20.0.32")


def test_each_real_server_is_looked_for_on_its_own_segment() -> None:
    found: dict[Address, bytes | None] = {}
    vlans: dict[Address, int] = {FAR: 20}

    async def look() -> None:
        everyone = asyncio.Event()

        def changed(address: Address, mac: bytes | None) -> None:
            found[address] = mac
            if found.keys() == {rip(1), FAR}:
                everyone.set()

        neighbours = SegmentNeighbours("eth0", lambda: vlans)
        try:
            await neighbours.watch(frozenset({rip(1), FAR}), changed)
            await asyncio.wait_for(everyone.wait(), 10)
            vlans[FAR] = 21
            with pytest.raises(NetError, match=r"no NIC eth0\.21"):
                await neighbours.watch(frozenset({FAR}), changed)
        finally:
            neighbours.close()

    with segment(reals=2) as lan:
        real = lan.real(2)
        lan.on(lan.director, "ip", "link", "add", "eth0.20", "type", "veth", "peer", "name", "trunk", "netns", real)
        for node, nic, address in ((lan.director, "eth0.20", "10.20.0.1"), (real, "trunk", str(FAR))):
            lan.on(node, "ip", "address", "add", f"{address}/24", "dev", nic)
            lan.on(node, "ip", "link", "set", nic, "address", f"02:00:00:20:00:{address[-1]}1", "up")
        with inside(lan.director):
            asyncio.run(look())
    assert found[FAR] == bytes.fromhex("020000200021")


def test_without_vlans_there_is_one_segment() -> None:
    nothing: Mapping[Address, int] = {}

    async def look() -> None:
        neighbours = SegmentNeighbours("eth0", lambda: nothing)
        try:
            await neighbours.watch(frozenset(), lambda address, mac: None)
        finally:
            neighbours.close()

    with segment(reals=1) as lan, inside(lan.director):
        asyncio.run(look())
