"""The engine after long use: as fast as it began, and no larger, whatever went wrong on the way.

Results of checks and changes of the configuration go through the real engine, over the data plane in memory: 20,000 and
400 of them, or as many as the environment says (`CAROM_RESULTS=100000 CAROM_CHANGES=1000`). The work repeats itself, so
its first tenth and its last are the same work: what they cost and what they leave behind is compared. Time is the
processor's, of all threads; size is counted in blocks of Python's allocator, which other than the process's pages does
not depend on what ran before. Some applies fail on the way, by the data plane's word or by a defect, and the NIC goes.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from ipaddress import ip_address

import pytest

from carom import announcing
from carom import engine as engines
from carom.core.news import News
from carom.engine import Engine
from carom.errors import DataPlaneError
from carom.events import InterfaceChanged, Overridden, Override
from carom.model import Address, Check, Config, Director, Ports, Protocol, Real, Scheduler, Service
from carom.outcome import Checked, Outcome, Reason
from tests.unit.directors import OWN, Announcer, Checks, Neighbours, Plane

RESULTS = int(os.environ.get("CAROM_RESULTS", "20000"))
CHANGES = int(os.environ.get("CAROM_CHANGES", "400"))
SERVICES, REALS = 4, 10
EVERY = 5.0
"""Seconds of the engine's clock between two rounds of checks."""
CYCLE = 50
"""Rounds after which everything has been down and up again once."""
SLOWER = 1.5
"""What the last tenth may cost, in costs of the first."""
LARGER = 1_000
"""Blocks that the last tenth may leave behind beyond the first; one for each result or change would be far more."""
THREADS = 2 + min(32, (os.cpu_count() or 1) + 4)
"""The loop's, the engine's worker, and those that asyncio keeps for `to_thread`, which announcements use."""
ATTEMPTS = 3
"""Other work on the machine makes processor time vary too."""
GOOD, BAD = Outcome(Reason.OK), Outcome(Reason.SILENT, "no answer")
OTHER = bytes.fromhex("020000000002")


class Clock:
    """The engine's clock, moved by hand."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Cost:
    """What a tenth of the work took, and what there was after it."""

    seconds: float
    """Of the processor."""
    blocks: int
    tasks: int
    threads: int


class Stage:
    """An engine that runs, and how much news came of it."""

    def __init__(self, config: Config) -> None:
        self.clock, self.plane, self.heard = Clock(), Plane(), 0
        self.engine = Engine(config, self.plane, Neighbours(), Announcer(), Checks(), clock=self.clock)
        self.engine.listen(self._hear)

    def _hear(self, news: Sequence[News]) -> None:
        self.heard += len(news)

    async def tenths(self, tenth: Callable[[int], Awaitable[None]]) -> list[Cost]:
        """The costs of ten tenths; one before them, which warms up, does not count."""
        await self.engine.start()
        running = asyncio.create_task(self.engine.run())
        try:
            costs = [await self._cost(tenth(number)) for number in range(11)]
            assert not running.done(), "nothing may end the engine's loop"
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            await self.engine.close()
        return costs[1:]

    async def _cost(self, work: Awaitable[None]) -> Cost:
        began = time.process_time()
        await work
        seconds = time.process_time() - began
        await self._at_rest()
        gc.collect()
        return Cost(seconds, sys.getallocatedblocks(), len(asyncio.all_tasks()), threading.active_count())

    async def _at_rest(self) -> None:
        """Announcements end by themselves, and what is left to be done is done."""
        async with asyncio.timeout(10):
            while under_way := self.engine._announcing.under_way:
                await asyncio.wait(under_way)
            await self.engine.prove_alive()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Announcements that end soon, readings by hand alone, and no log: pytest would keep all of it."""
    monkeypatch.setattr(engines, "READ_EVERY", 1_000.0)
    monkeypatch.setattr(announcing, "ANNOUNCE_AFTER", (0.0, 0.01, 0.01))
    caplog.set_level(logging.CRITICAL + 1, "carom")


def endures(play: Callable[[], Awaitable[list[Cost]]]) -> None:
    for left in reversed(range(ATTEMPTS)):
        costs = asyncio.run(asyncio.wait_for(play(), 100))
        first, last = costs[0], costs[-1]
        assert last.blocks - first.blocks < LARGER, costs
        assert last.tasks <= first.tasks, costs
        assert last.threads <= THREADS, costs
        if last.seconds < SLOWER * first.seconds:
            return
        assert left, costs


def address(service: int, number: int) -> Address:
    return ip_address(f"192.168.{service}.{number + 1}")


def service(number: int, reals: range = range(REALS), weight: int = 1) -> Service:
    ports = (Ports(Protocol.TCP, 80, 80),)
    servers = tuple(Real(address(number, real), weight) for real in reals)
    check, scheduler = Check(every=EVERY), Scheduler.MH if number % 2 else Scheduler.WRR
    return Service(f"web{number}", address(number, 200), ports, servers, scheduler, slow_start=60.0, check=check)


CONFIG = Config(Director("eth0"), tuple(map(service, range(SERVICES))))


# ---- results of checks ----


def outcome(round_: int, number: int) -> Outcome:
    """Each real server is down for five rounds of every cycle, each at another time."""
    return BAD if (round_ + 7 * number) % CYCLE < 5 else GOOD


async def round_of_checks(stage: Stage, number: int) -> None:
    stage.clock.now += EVERY
    for place in range(SERVICES):
        for real in range(REALS):
            stage.engine.tell(Checked(f"web{place}", address(place, real), outcome(number, place + real)))
    if number % 5 == 0:
        await stage.engine._read()
    await stage.engine.prove_alive()


async def trouble(stage: Stage, number: int) -> None:
    """The data plane refuses while real servers come and go; then the NIC goes and comes back as another."""
    for error in (DataPlaneError("the members are full"), ZeroDivisionError("a defect")):
        stage.plane.refusal = error
        for round_ in range(CYCLE // 2):
            await round_of_checks(stage, number + round_)
        assert any(str(error) in sentence for sentence in stage.engine.snapshot.troubles)
        stage.plane.refusal = None
        for round_ in range(CYCLE // 2, CYCLE):
            await round_of_checks(stage, number + round_)
        assert stage.engine.snapshot.troubles == ()
    for nic in (InterfaceChanged(up=False, mac=None), InterfaceChanged(up=True, mac=OTHER)):
        await stage.engine.tell_through(nic)
    assert stage.engine.snapshot.plan == stage.plane.plan


def test_many_results_of_checks_leave_it_as_it_began() -> None:
    rounds = max(1, RESULTS // (10 * SERVICES * REALS * CYCLE)) * CYCLE

    async def play() -> list[Cost]:
        stage = Stage(CONFIG)

        async def tenth(number: int) -> None:
            for round_ in range(rounds):
                await round_of_checks(stage, round_)
            if number == 5:
                await trouble(stage, rounds)

        costs = await stage.tenths(tenth)
        assert stage.heard > 10 * rounds // CYCLE * 2 * SERVICES * REALS, "each goes down and comes up in each cycle"
        return costs

    endures(play)


# ---- changes of the configuration ----


def wish(number: int) -> Config:
    """A configuration of a few that follow one another: others' weights, real servers, services."""
    kinds = (
        CONFIG,
        replace(CONFIG, services=(service(0, weight=3), *CONFIG.services[1:])),
        replace(CONFIG, services=(service(0, range(2, REALS + 2)), *CONFIG.services[1:])),
        replace(CONFIG, services=CONFIG.services[1:]),
        replace(CONFIG, services=(*CONFIG.services, service(SERVICES))),
    )
    return kinds[number % len(kinds)]


async def change(stage: Stage, number: int) -> None:
    """One in ten fails, by the data plane's word or by a defect; operators interfere meanwhile."""
    stage.clock.now += EVERY
    stage.engine.tell(Overridden("web1", address(1, 0), Override(number % 7, "root", stage.clock.now)))
    await stage.engine._read()
    if number % 10 != 9:
        await stage.engine.change(wish(number))
        assert stage.engine.snapshot.world.config == wish(number)
        return
    stage.plane.refusal = ZeroDivisionError("no") if number % 20 == 9 else DataPlaneError("no")
    with pytest.raises(DataPlaneError, match="no"):
        await stage.engine.change(wish(number))
    stage.plane.refusal = None
    await stage.engine.prove_alive()
    assert (stage.engine.world.config, stage.engine.snapshot.troubles) == (wish(number - 1), ())


def test_many_changes_of_the_configuration_leave_it_as_it_began() -> None:
    changes = max(1, CHANGES // 200) * 20

    async def play() -> list[Cost]:
        stage = Stage(CONFIG)

        async def tenth(_: int) -> None:
            for number in range(changes):
                await change(stage, number)
            await stage.engine.tell_through(InterfaceChanged(up=False, mac=OWN))
            await stage.engine.tell_through(InterfaceChanged(up=True, mac=OWN))
            await round_of_checks(stage, CYCLE // 2)

        return await stage.tenths(tenth)

    endures(play)
