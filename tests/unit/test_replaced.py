"""What has been replaced is freed, in its time and not where others would wait for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import ClassVar

import pytest

from carom import replaced
from carom.core.planning import Planned, plan
from carom.core.world import begin, step
from carom.events import NeighbourResolved
from carom.model import Config, Director, Ports, Protocol, Real, Service
from carom.replaced import LARGE, Replaced

VIP, FIRST = ip_address("10.254.0.1"), ip_address("10.0.0.1")
PORTS = (Ports(Protocol.UDP, 53, 53),)


class Part(bytes):
    """A MAC that tells which thread freed it."""

    freed: ClassVar[list[str]] = []

    def __del__(self) -> None:
        self.freed.append(threading.current_thread().name)


def planned(reals: int) -> Planned:
    """A world, in which the last real server has such a MAC, and its plan."""
    addresses = [FIRST + number for number in range(reals)]
    config = Config(Director("eth0"), (Service("dns", VIP, PORTS, tuple(map(Real, addresses)), check=None),))
    world = step(begin(config), [NeighbourResolved(addresses[-1], Part(bytes.fromhex("020000000001")))], 0.0)
    return Planned(world, plan(world))


def play(scene: Callable[[Replaced], Awaitable[None]]) -> None:
    async def work(blocking: Callable[[], None]) -> None:
        await asyncio.to_thread(blocking)

    async def bounded() -> None:
        waiting = Replaced()
        freeing = asyncio.create_task(waiting.free_forever(work))
        async with asyncio.timeout(20):
            await scene(waiting)
        freeing.cancel()

    Part.freed.clear()
    asyncio.run(bounded())


async def until_freed(count: int) -> None:
    while len(Part.freed) < count:  # noqa: ASYNC110 - what is waited for has no event
        await asyncio.sleep(0.001)


def test_what_is_large_is_freed_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaced, "REST", 0.01)

    async def scene(waiting: Replaced) -> None:
        waiting.add(planned(LARGE))
        await until_freed(1)
        assert Part.freed != [threading.main_thread().name]

    play(scene)


def test_each_is_freed_in_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred changes a minute do not pile up behind each other."""
    monkeypatch.setattr(replaced, "REST", 0.3)

    async def scene(waiting: Replaced) -> None:
        for _ in range(5):
            waiting.add(planned(LARGE))
        await asyncio.sleep(0)
        assert not Part.freed, "somebody may be looking at them"
        began = asyncio.get_running_loop().time()
        await until_freed(5)
        assert asyncio.get_running_loop().time() - began < 4 * 0.3

    play(scene)


def test_what_is_small_is_let_go_at_once() -> None:
    async def scene(waiting: Replaced) -> None:
        waiting.add(planned(LARGE - 1))
        assert Part.freed == [threading.main_thread().name]

    play(scene)
