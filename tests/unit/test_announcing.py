"""Announcing: what the segment hears of the VIPs that are held."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

import pytest

from carom import announcing
from carom.announcing import Announcing
from carom.duty import Troubles
from carom.errors import NetError
from carom.model import Address

ONE, TWO = (ip_address(f"192.168.76.{host}") for host in (24, 25))
MAC, OTHER = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")


class Segment:
    """Hears announcements, or refuses them."""

    def __init__(self) -> None:
        self.heard: list[Address] = []
        self.broken: Exception | None = None
        self.troubles = Troubles()
        self.announcing = Announcing(self, self.troubles)

    def announce(self, vips: tuple[Address, ...]) -> None:
        if self.broken:
            raise self.broken
        self.heard += sorted(vips, key=int)

    async def rest(self) -> None:
        while self.announcing.under_way:
            await asyncio.wait(self.announcing.under_way)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcing, "ANNOUNCE_AFTER", (0.0, 0.01))


def play(scene: Callable[[Segment], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await scene(Segment())

    asyncio.run(bounded())


def test_what_is_newly_held_is_announced_a_few_times_and_what_was_held_is_not() -> None:
    async def scene(segment: Segment) -> None:
        for held in ({ONE}, {ONE}, {ONE, TWO}, {TWO}):
            segment.announcing.hold(frozenset(held), MAC)
            await segment.rest()
        assert segment.heard == [ONE, ONE, TWO, TWO]

    play(scene)


def test_at_another_mac_all_are_announced_again() -> None:
    async def scene(segment: Segment) -> None:
        segment.announcing.hold(frozenset({ONE}), MAC)
        await segment.rest()
        segment.announcing.hold(frozenset({ONE, TWO}), OTHER)
        await segment.rest()
        assert segment.heard == [ONE, ONE, ONE, TWO, ONE, TWO]

    play(scene)


def test_what_is_claimed_by_another_is_announced_once_more_if_it_is_held() -> None:
    async def scene(segment: Segment) -> None:
        segment.announcing.hold(frozenset({ONE}), MAC)
        await segment.rest()
        segment.announcing.defend(ONE)
        segment.announcing.defend(TWO)
        await segment.rest()
        assert segment.heard == [ONE, ONE, ONE]

    play(scene)


def test_what_cannot_be_announced_is_a_trouble_until_it_can() -> None:
    async def scene(segment: Segment) -> None:
        segment.broken = NetError("the NIC is down")
        segment.announcing.hold(frozenset({ONE}), MAC)
        await segment.rest()
        assert segment.troubles.sentences == ("the VIPs cannot be announced: the NIC is down",)
        segment.broken = None
        segment.announcing.defend(ONE)
        await segment.rest()
        assert not segment.troubles.sentences
        assert segment.heard == [ONE]

    play(scene)


def test_after_the_end_nothing_more_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcing, "ANNOUNCE_AFTER", (0.0, 3600.0))

    async def scene(segment: Segment) -> None:
        began = time.monotonic()
        segment.announcing.hold(frozenset({ONE}), MAC)
        while not segment.heard:  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)
        segment.announcing.close()
        await segment.rest()
        assert segment.heard == [ONE]
        assert time.monotonic() - began < 3600

    play(scene)
