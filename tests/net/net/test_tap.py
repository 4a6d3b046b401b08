"""A tap: one kind of frame, through a filter, in batches that leave the loop time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from ipaddress import ip_address

import pytest

from carom.errors import NetError
from carom.net import filters, frames
from carom.net.frames import Way
from carom.net.tap import BATCH, PAUSE, Tap
from tests.net.net.watching import mac
from tests.net.segment import VIP, Segment, inside, segment

CLIENT = ip_address("192.0.2.7")
WITHIN = 5.0


@pytest.fixture(scope="module")
def lan() -> Iterator[Segment]:
    with segment(reals=1) as built:
        yield built


def on_director(lan: Segment, story: Callable[[], Awaitable[None]]) -> None:
    async def told() -> None:
        await story()

    with inside(lan.director):
        asyncio.run(told())


class Heard:
    """The frames that a tap has heard, and when."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.times: list[float] = []
        self._news = asyncio.Event()

    def __call__(self, frame: bytes) -> None:
        self.frames.append(frame)
        self.times.append(asyncio.get_running_loop().time())
        self._news.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(WITHIN):
            while len(self.frames) < count:
                self._news.clear()
                await self._news.wait()
        assert len(self.frames) == count


def from_vip(lan: Segment, count: int) -> None:
    """The real server sends so many packets from the VIP to the director's MAC."""
    way = Way(mac(lan, lan.real(1)), mac(lan, lan.director), VIP, CLIENT)
    with inside(lan.real(1)), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind(("eth0", 0))
        for number in range(count):
            sender.send(frames.echo_request(way, number))


def test_what_the_filter_lets_through_is_heard_and_nothing_else(lan: Segment) -> None:
    heard = Heard()

    async def story() -> None:
        tap = Tap("eth0", frames.ETH_P_IP, filters.packets4([VIP], []), heard)
        assert tap.mac == mac(lan, lan.director)
        await asyncio.to_thread(lan.on, lan.real(1), "ping", "-qc2", "-i0.01", "10.77.0.1")
        await asyncio.to_thread(from_vip, lan, 1)
        await heard.until(1)
        tap.narrow(filters.packets4([], []))
        await asyncio.to_thread(from_vip, lan, 1)
        tap.narrow(filters.packets4([VIP], []))
        await asyncio.to_thread(from_vip, lan, 1)
        await heard.until(2)
        tap.close()

    on_director(lan, story)
    assert {packet.source for packet in map(frames.packet, heard.frames) if packet} == {VIP}


@pytest.mark.parametrize("portion", [1, 2 * BATCH], ids=["which the loop keeps up with", "at once"])
def test_a_flood_is_heard_a_batch_at_a_time(lan: Segment, portion: int) -> None:
    heard = Heard()

    async def story() -> None:
        tap = Tap("eth0", frames.ETH_P_IP, filters.packets4([VIP], []), heard)
        for _ in range(0, 2 * BATCH, portion):
            await asyncio.to_thread(from_vip, lan, portion)
        await heard.until(2 * BATCH)
        tap.close()

    on_director(lan, story)
    begun = heard.times[0]
    assert sum(time - begun < PAUSE / 2 for time in heard.times) <= BATCH


def test_what_it_sends_arrives(lan: Segment) -> None:
    heard = Heard()

    async def story() -> None:
        tap = Tap("eth0", frames.ETH_P_ARP, filters.claims4([ip_address("10.77.0.31")]), heard)
        tap.send(frames.question(ip_address("10.77.0.31"), tap.mac))
        await heard.until(1)
        tap.close()

    on_director(lan, story)
    claim = frames.claim(heard.frames[0])
    assert claim is not None
    assert claim.mac == mac(lan, lan.real(1))


def test_a_nic_that_went_away_and_came_back_under_its_name_is_found_again(lan: Segment) -> None:
    heard = Heard()

    async def story() -> None:
        add = ("ip", "link", "add", "gone0", "type", "veth", "peer", "name", "gone1")
        lan.on(lan.director, *add)
        tap = Tap("gone0", frames.ETH_P_ARP, filters.claims4([VIP]), heard)
        lan.on(lan.director, "ip", "link", "del", "gone0")
        with pytest.raises(NetError, match="there is no NIC gone0 any more"):
            tap.renew()
        with pytest.raises(NetError, match="gone0 takes no frame"):
            tap.send(frames.question(VIP, bytes(6)))
        lan.on(lan.director, *add)
        for name in ("gone0", "gone1"):
            lan.on(lan.director, "ip", "link", "set", name, "up")
        tap.renew()
        tap.renew()
        tap.send(frames.question(VIP, tap.mac))
        tap.close()
        lan.on(lan.director, "ip", "link", "del", "gone0")

    on_director(lan, story)


def test_a_nic_that_is_not_there_is_named(lan: Segment) -> None:
    async def story() -> None:
        with pytest.raises(NetError, match="nothing can be heard on nowhere0: No such device"):
            Tap("nowhere0", frames.ETH_P_ARP, filters.claims4([]), lambda _: None)

    on_director(lan, story)
