"""The ARP watch on a real segment: who claims a VIP is told, asked or unasked, and that it has stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from ipaddress import ip_address

import pytest

from carom.errors import NetError
from carom.net.announce import PacketAnnouncer
from carom.net.arpwatch import MISSED, ArpWatch
from carom.sighting import Sighting, Sign, VipSighted, VipSightingEnded
from tests.net.net.watching import Heard, mac, settings
from tests.net.segment import VIP, VIP2, VIP6, Segment, inside, segment

EVERY = 0.2
DIRECTOR = ip_address("10.77.0.1")


@pytest.fixture(scope="module")
def lan() -> Iterator[Segment]:
    with segment(reals=2) as built:
        yield built


@asynccontextmanager
async def watching() -> AsyncIterator[tuple[ArpWatch, Heard]]:
    heard = Heard()
    watch = ArpWatch("eth0", heard.tell, EVERY)
    watch.watch([VIP, VIP2, VIP6], [DIRECTOR])
    running = asyncio.create_task(watch.run())
    try:
        yield watch, heard
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        watch.close()


def on_director(lan: Segment, story: Callable[[], Awaitable[None]]) -> None:
    async def told() -> None:
        await story()

    with inside(lan.director):
        asyncio.run(told())


def test_who_answers_is_told_and_that_it_has_stopped(lan: Segment) -> None:
    leak = Sighting(VIP, mac(lan, lan.real(1)), Sign.ANSWERED)
    leak2 = Sighting(VIP2, mac(lan, lan.real(1)), Sign.ANSWERED)

    async def story() -> None:
        async with watching() as (_, heard):
            with settings(lan, lan.real(1), all__arp_ignore=0):
                await heard.until(VipSighted(leak))
                await heard.until(VipSighted(leak2))
            await heard.until(VipSightingEnded(leak))
            await heard.until(VipSightingEnded(leak2))
            assert {fact.sighting for fact in heard.facts} == {leak, leak2}

    on_director(lan, story)


def test_who_speaks_in_the_vips_name_is_told(lan: Segment) -> None:
    """The half of the ARP problem that no question shows: it looks for a neighbour in the middle of a reply."""
    leak = Sighting(VIP, mac(lan, lan.real(1)), Sign.ANNOUNCED)

    async def story() -> None:
        async with watching() as (_, heard):
            with settings(lan, lan.real(1), all__arp_announce=0):
                await asyncio.to_thread(lan.on, lan.real(1), "ip", "neigh", "flush", "all")
                await asyncio.to_thread(lan.on, lan.real(1), "sh", "-c", f"ping -c1 -W1 -I {VIP} 10.77.0.200 || true")
                await heard.until(VipSighted(leak))

    on_director(lan, story)


def test_an_ipv6_vip_on_the_nic_is_told(lan: Segment) -> None:
    leak = Sighting(VIP6, mac(lan, lan.real(2)), Sign.ANSWERED)

    async def story() -> None:
        async with watching() as (_, heard):
            lan.on(lan.real(2), "ip", "address", "add", f"{VIP6}/128", "dev", "eth0", "nodad")
            try:
                await heard.until(VipSighted(leak))
            finally:
                lan.on(lan.real(2), "ip", "address", "del", f"{VIP6}/128", "dev", "eth0")

    on_director(lan, story)


def test_quiet_real_servers_and_the_director_itself_are_not_told(lan: Segment) -> None:
    async def story() -> None:
        async with watching() as (watch, heard):
            PacketAnnouncer("eth0").announce((VIP, VIP6))
            for _ in range(2 * MISSED):
                await watch.ask()
                await asyncio.to_thread(lan.on, lan.real(1), "ping", "-qc1", "10.77.0.1")
            assert heard.facts == []

    on_director(lan, story)


def test_only_the_vips_of_the_last_wish_are_watched(lan: Segment) -> None:
    leak2 = Sighting(VIP2, mac(lan, lan.real(1)), Sign.ANSWERED)

    async def story() -> None:
        async with watching() as (watch, heard):
            watch.watch([VIP2], [DIRECTOR])
            with settings(lan, lan.real(1), all__arp_ignore=0):
                await heard.until(VipSighted(leak2))
            assert {fact.sighting for fact in heard.facts} == {leak2}

    on_director(lan, story)


def test_a_nic_that_goes_and_comes_back_is_watched_again(lan: Segment) -> None:
    leak = Sighting(VIP, mac(lan, lan.real(1)), Sign.ANSWERED)

    async def story() -> None:
        async with watching() as (_, heard):
            for state in ("down", "up"):
                lan.on(lan.director, "ip", "link", "set", "eth0", state)
            with settings(lan, lan.real(1), all__arp_ignore=0):
                await heard.until(VipSighted(leak))

    on_director(lan, story)


def test_a_nic_that_is_not_there_is_named(lan: Segment) -> None:
    async def story() -> None:
        with pytest.raises(NetError, match="nothing can be heard on nowhere0: No such device"):
            ArpWatch("nowhere0", Heard().tell, EVERY)

    on_director(lan, story)
