"""What comes back to the director, heard before its host can drop it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing

import pytest

from carom.checks.checker import Target, Unmet
from carom.checks.icmp import ping
from carom.checks.overhear import Ear
from carom.model import Address
from tests.net.segment import Segment, inside, rip, rip6, segment

NONCE = b"sixteen bytes...!"[:16]


@pytest.fixture
def one() -> Iterator[Segment]:
    with segment(reals=1) as built, inside(built.director):
        yield built


@pytest.mark.parametrize("address", [rip(1), rip6(1)], ids=["IPv4", "IPv6"])
def test_a_dropped_answer_is_heard(one: Segment, address: Address) -> None:
    one.filter(one.director, "icmp type echo-reply drop")
    one.filter(one.director, "icmpv6 type echo-reply drop")
    with closing(Ear()) as ear:
        ear.open()
        with pytest.raises(Unmet):
            asyncio.run(ping(Target(address, 0, address, timeout=0.2), NONCE))
        assert ear.heard(address.packed, NONCE)
        assert ear.heard(address.packed, NONCE), "it is remembered"
        assert not ear.heard(address.packed, b"something else")
        assert not ear.heard(rip(2).packed, NONCE)


def test_what_we_send_ourselves_is_not_what_comes_back(one: Segment) -> None:
    with closing(Ear()) as ear:
        ear.open()
        with pytest.raises(Unmet):
            asyncio.run(ping(Target(rip(9), 0, rip(9), timeout=0.2), NONCE))
        assert not ear.heard(rip(9).packed, NONCE)


def test_a_flood_is_forgotten_not_kept(one: Segment) -> None:
    with closing(Ear()) as ear:
        ear.open()
        for _ in range(6):
            one.on(one.director, "ping", "-q", "-c", "200", "-i", "0.001", "-p", "ff", str(rip(1)))
            ear.heard(rip(1).packed, b"")
        assert len(ear._heard) == 1024
