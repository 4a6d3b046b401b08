"""The director's NIC, watched while things are done to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, suppress
from ipaddress import ip_interface

import pytest

from carom.errors import NetError
from carom.events import InterfaceChanged
from carom.net.interface import InterfaceWatch
from tests.net.segment import Segment, inside, segment


@pytest.fixture
def lan() -> Iterator[Segment]:
    with segment(reals=1) as built:
        yield built


def play(lan: Segment, scene: Callable[[list[InterfaceChanged]], Awaitable[None]]) -> None:
    """A scene on the director while its NIC is watched."""

    async def bounded() -> None:
        told: list[InterfaceChanged] = []
        with closing(InterfaceWatch("eth0", told.append)) as watch:
            running = asyncio.create_task(watch.run())
            async with asyncio.timeout(20):
                await scene(told)
            assert not running.done()
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    with inside(lan.director):
        asyncio.run(bounded())


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


def test_it_tells_at_once_how_the_nic_is(lan: Segment) -> None:
    async def scene(told: list[InterfaceChanged]) -> None:
        [now] = told
        assert now.up
        assert now.mac is not None
        assert {ip_interface("10.77.0.1/24"), ip_interface("fd77::1/64")} <= set(now.addresses)

    play(lan, scene)


def test_down_and_up_again(lan: Segment) -> None:
    async def scene(told: list[InterfaceChanged]) -> None:
        lan.on(lan.director, "ip", "link", "set", "eth0", "down")
        await until(lambda: not told[-1].up)
        assert told[-1].mac == told[0].mac
        lan.on(lan.director, "ip", "link", "set", "eth0", "up")
        await until(lambda: told[-1].up)

    play(lan, scene)


def test_a_cable_pulled_at_the_other_end(lan: Segment) -> None:
    async def scene(told: list[InterfaceChanged]) -> None:
        lan.on(f"{lan.prefix}-wire", "ip", "link", "set", "p0", "down")
        await until(lambda: not told[-1].up)

    play(lan, scene)


def test_another_mac_and_another_address(lan: Segment) -> None:
    async def scene(told: list[InterfaceChanged]) -> None:
        lan.on(lan.director, "ip", "link", "set", "eth0", "address", "02:00:00:00:99:99")
        await until(lambda: told[-1].mac == bytes.fromhex("020000009999"))
        lan.on(lan.director, "ip", "addr", "add", "172.16.0.1/12", "dev", "eth0")
        await until(lambda: ip_interface("172.16.0.1/12") in told[-1].addresses)
        lan.on(lan.director, "ip", "addr", "del", "172.16.0.1/12", "dev", "eth0")
        await until(lambda: ip_interface("172.16.0.1/12") not in told[-1].addresses)

    play(lan, scene)


def test_other_nics_are_none_of_its_business(lan: Segment) -> None:
    async def scene(told: list[InterfaceChanged]) -> None:
        lan.on(lan.director, "ip", "link", "add", "other0", "type", "veth", "peer", "name", "other1")
        lan.on(lan.director, "ip", "addr", "add", "172.16.0.1/12", "dev", "other0")
        lan.on(lan.director, "ip", "addr", "add", "172.17.0.1/32", "dev", "eth0")
        await until(lambda: len(told) > 1)
        assert set(told[-1].addresses) - set(told[0].addresses) == {ip_interface("172.17.0.1/32")}

    play(lan, scene)


def test_a_nic_that_goes_and_comes_back(lan: Segment) -> None:
    async def scene(told: list[InterfaceChanged]) -> None:
        lan.on(lan.director, "ip", "link", "del", "eth0")
        await until(lambda: told[-1] == InterfaceChanged(up=False, mac=None))
        wire = f"{lan.prefix}-wire"
        lan.on(wire, *f"ip link add p9 up type veth peer name eth0 netns {lan.director}".split())
        lan.on(lan.director, "ip", "link", "set", "eth0", "up")
        await until(lambda: told[-1].up)

    play(lan, scene)


def test_a_nic_that_is_not_there_is_named(lan: Segment) -> None:
    with inside(lan.director), pytest.raises(NetError, match=r"there is no NIC eth9 here; there are .*eth0"):
        InterfaceWatch("eth9", lambda _: None)
