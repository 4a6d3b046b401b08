"""The return-path watch: replies that come to the director are told, answers to its own checks are not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from ipaddress import ip_address

import pytest

from carom.net.returnpath import ReturnPathWatch
from carom.sighting import Sighting, Sign, VipSighted, VipSightingEnded
from tests.net.net.watching import Heard, mac
from tests.net.segment import VIP, VIP6, Segment, inside, segment

OWN = [ip_address("10.77.0.1"), ip_address("fd77::1")]
LASTING = 0.5
CLIENT, CLIENT6 = "192.0.2.7", "2001:db8::7"


@pytest.fixture(scope="module")
def lan() -> Iterator[Segment]:
    """The first real server has the director for its gateway; the second has another station."""
    with segment(reals=2) as built:
        for number, gateway, gateway6 in ((1, "10.77.0.1", "fd77::1"), (2, "10.77.0.31", "fd77::31")):
            built.on(built.real(number), "ip", "route", "add", "default", "via", gateway)
            built.on(built.real(number), "ip", "-6", "route", "add", "default", "via", gateway6)
        yield built


@asynccontextmanager
async def watching() -> AsyncIterator[Heard]:
    heard = Heard()
    watch = ReturnPathWatch("eth0", heard.tell, LASTING)
    watch.watch([VIP, VIP6], OWN)
    running = asyncio.create_task(watch.run())
    try:
        yield heard
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        watch.close()


def on_director(lan: Segment, story: Callable[[], Awaitable[None]]) -> None:
    async def told() -> None:
        await story()

    with inside(lan.director):
        asyncio.run(told())


async def reply(lan: Segment, number: int, vip: object, client: str) -> None:
    """The real server sends something from the VIP to a client."""
    await asyncio.to_thread(lan.on, lan.real(number), "sh", "-c", f"ping -c1 -W0.1 -I {vip} {client} || true")


@pytest.mark.parametrize(("vip", "client"), [(VIP, CLIENT), (VIP6, CLIENT6)])
def test_a_reply_that_comes_to_the_director_is_told(lan: Segment, vip: object, client: str) -> None:
    astray = Sighting(ip_address(str(vip)), mac(lan, lan.real(1)), Sign.SENT)

    async def story() -> None:
        async with watching() as heard:
            await reply(lan, 1, vip, client)
            await heard.until(VipSighted(astray))
            assert {fact.sighting for fact in heard.facts} == {astray}

    on_director(lan, story)


def test_when_no_more_come_it_is_over(lan: Segment) -> None:
    astray = Sighting(VIP, mac(lan, lan.real(1)), Sign.SENT)

    async def story() -> None:
        async with watching() as heard:
            await reply(lan, 1, VIP, CLIENT)
            await heard.until(VipSighted(astray))
            await heard.until(VipSightingEnded(astray))

    on_director(lan, story)


@pytest.mark.parametrize(("vip", "own"), [(VIP, "10.77.0.1"), (VIP6, "fd77::1")])
def test_answers_to_the_directors_own_checks_are_not_told(lan: Segment, vip: object, own: str) -> None:
    async def story() -> None:
        async with watching() as heard:
            await asyncio.to_thread(lan.on, lan.real(1), "sh", "-c", f"ping -c3 -i0.05 -W1 -I {vip} {own} || true")
            assert heard.facts == []

    on_director(lan, story)


def test_replies_that_go_elsewhere_are_not_told_even_where_the_switch_floods_them(lan: Segment) -> None:
    """The bridge forgets where the second real server's gateway is, so its frames reach the director's NIC too."""

    async def story() -> None:
        async with watching() as heard:
            lan.on(lan.wire, "ip", "link", "set", "br0", "type", "bridge", "ageing_time", "0")
            try:
                await reply(lan, 2, VIP, CLIENT)
                await reply(lan, 1, VIP6, CLIENT6)
                await heard.until(VipSighted(Sighting(VIP6, mac(lan, lan.real(1)), Sign.SENT)))
            finally:
                lan.on(lan.wire, "ip", "link", "set", "br0", "type", "bridge", "ageing_time", "30000")
            assert {fact.sighting.mac for fact in heard.facts} == {mac(lan, lan.real(1))}

    on_director(lan, story)
