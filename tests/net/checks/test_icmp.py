"""icmp: real echo requests to real hosts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from carom.checks.checker import Target, examine
from carom.checks.icmp import Icmp, checksum, echo_request
from carom.model import Address
from carom.outcome import Outcome, Reason
from tests.net.segment import Segment, inside, rip, rip6, segment


@pytest.fixture(scope="module")
def one() -> Iterator[Segment]:
    with segment(reals=1) as built:
        yield built


@pytest.mark.parametrize("address", [rip(1), rip6(1)], ids=["IPv4", "IPv6"])
def test_a_host_answers_or_is_silent(one: Segment, address: Address) -> None:
    target = Target(address, 0, address, timeout=0.2)
    with inside(one.director):
        assert asyncio.run(examine(Icmp(), target)).ok
        one.filter(one.real(1), "meta l4proto { icmp, icmpv6 } drop")
        outcome = asyncio.run(examine(Icmp(), target))
        one.on(one.real(1), "nft", "flush", "ruleset")
    assert (outcome.reason, outcome.text) == (Reason.SILENT, "no answer in 0.2 s")


def test_a_hundred_at_once_are_not_taken_for_each_other(one: Segment) -> None:
    target = Target(rip(1), 0, rip(1))

    async def many() -> list[Outcome]:
        there = [examine(Icmp(), target) for _ in range(100)]
        nowhere = [examine(Icmp(), replace(target, address=rip(9), timeout=0.3)) for _ in range(20)]
        return await asyncio.gather(*there, *nowhere)

    with inside(one.director):
        outcomes = asyncio.run(many())
    assert [outcome.ok for outcome in outcomes] == [True] * 100 + [False] * 20


def test_the_checksum_is_rfc_1071s() -> None:
    assert checksum(bytes.fromhex("0001f203f4f5f6f7")) == (0xFFFF - 0xDDF2).to_bytes(2, "big")
    assert checksum(b"\xff") == b"\x00\xff"
    message = echo_request(4, bytes(range(16)))
    assert checksum(message) == b"\0\0"
