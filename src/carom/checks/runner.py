"""The runner: makes every check that is wanted, each in its own time, and reports what it finds.

It is told the whole wish. What is in it stays as it runs, what is new begins, what is gone ends. Checks begin spread
over a second and go on spread over their interval, so that a thousand of them make a murmur and not a drum. A real
server whose check fails is examined: witnesses are asked why. From the second failure on they are asked beside the
check, so that the diagnosis costs the decision no time.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import TypeVar

from carom.checks.checker import examine
from carom.checks.jobs import Job, Probe
from carom.checks.overhear import Ear
from carom.checks.turnstile import Turnstile
from carom.checks.witnesses import Witnessed, ask_witnesses
from carom.core.diagnosis import diagnose
from carom.model import Address
from carom.outcome import Checked, Diagnosis, Outcome

log = logging.getLogger(__name__)

AT_ONCE = 2048
"""Checks under way at a time; each holds one open file."""
EXAMINED_AT_ONCE = 64
"""Real servers of which the witnesses are asked at a time; others are at their next failure. Six open files each."""
FIRST_WITHIN = 1.0
"""Seconds in which the first check falls, at a random point; in its interval, where that is shorter."""
FIRST_APART = 0.001
"""Seconds between two first checks at least, on average: a few need not be spread over all of FIRST_WITHIN."""
TICK = 0.01
"""Seconds: checks that fall due so close together begin together, which saves a fifth of what 1,000 a second cost."""
BEGUN_AT_ONCE = 32
"""Checks that begin in one round of the event loop, some milliseconds' work."""
SLICE = 200
"""Jobs of a wish between two breaths of the event loop, about a millisecond's work."""

STOOD_STILL = 1.0
"""Seconds over its timeout that a check takes only if this process was stopped, or its machine was."""

Thing = TypeVar("Thing")
Witnesses = Callable[[Probe, Ear], Awaitable[Witnessed]]


class Runner:
    """All checks of one director. Everything here is for the event loop's thread."""

    def __init__(self, report: Callable[[Checked], None], witnesses: Witnesses = ask_witnesses) -> None:
        self._report = report
        self._witnesses = witnesses
        self._for: dict[Probe, tuple[tuple[str, Address], ...]] = {}
        """The services and real servers whose health each probe tells."""
        self._tasks: dict[Probe, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._turnstile = Turnstile(BEGUN_AT_ONCE)
        self._examined = 0
        self._ear = Ear()
        self.skipped = 0
        """Checks left out so far because those before took too long, or waited for a slot."""

    async def want(self, jobs: Iterable[Job]) -> None:
        """These are all the checks to make. One call at a time."""
        wished: dict[Probe, tuple[tuple[str, Address], ...]] = {}
        async for job in _breathing(jobs):
            wished[job.probe] = (*wished.get(job.probe, ()), (job.service, job.real))
        self._for = wished
        await _stop([self._tasks.pop(probe) async for probe in _breathing(list(self._tasks)) if probe not in self._for])
        new = [probe async for probe in _breathing(list(self._for)) if probe not in self._tasks]
        within = min(FIRST_WITHIN, FIRST_APART * len(new))
        async for probe in _breathing(new):
            self._tasks[probe] = asyncio.create_task(self._watch(probe, within))
            self._tasks[probe].add_done_callback(_ended)

    async def close(self) -> None:
        """Stop all checks."""
        await self.want(())
        self._ear.close()

    async def _watch(self, probe: Probe, within: float) -> None:
        """One probe's life; its first check is within so many seconds."""
        loop = asyncio.get_running_loop()
        due = loop.time() + random.random() * min(probe.every, within)
        interval = probe.every * (0.5 + random.random() / 2)  # the first is shortened, to spread those of one start
        diagnosis: Diagnosis | None = None
        failing = False
        while True:
            await asyncio.sleep(round(due / TICK) * TICK - loop.time())
            async with self._slots:
                await self._turnstile.enter()
                outcome, found = await self._look(probe, failing, diagnosis)
            failing = not outcome.ok
            diagnosis = (found or diagnosis) if failing else None
            for service, real in self._for[probe]:
                self._report(Checked(service, real, outcome, diagnosis))
            due, interval = self._next(due + interval, probe.every, loop.time()), probe.every

    def _next(self, due: float, every: float, now: float) -> float:
        """When the next check is: on its beat, or at once where that is over."""
        if due > now:
            return due
        self.skipped += int((now - due) // every)
        return now

    async def _look(self, probe: Probe, failing: bool, known: Diagnosis | None) -> tuple[Outcome, Diagnosis | None]:
        """Check once, and if that fails, find out why."""
        beside = asyncio.create_task(self._ask(probe, known)) if failing else None
        try:
            outcome = await _examine(probe)
            if outcome.ok:
                return outcome, None
            said = await (beside or self._ask(probe, known))
        finally:
            if beside:
                beside.cancel()
        return outcome, diagnose(said.beside(outcome)) if said else None

    async def _ask(self, probe: Probe, known: Diagnosis | None) -> Witnessed | None:
        """The witnesses' ask_witnesses; None while too many others are being examined. The undiagnosed go first."""
        if self._examined >= (EXAMINED_AT_ONCE // 2 if known else EXAMINED_AT_ONCE):
            return None
        self._examined += 1
        try:
            return await self._witnesses(probe, self._ear)
        finally:
            self._examined -= 1


async def _examine(probe: Probe) -> Outcome:
    """Check; and again where that failed while we stood still, which says nothing of the real server."""
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        outcome = await examine(probe.checker, probe.target)
        if outcome.ok or loop.time() - began <= probe.target.timeout + STOOD_STILL:
            return outcome


async def _breathing(things: Iterable[Thing]) -> AsyncIterator[Thing]:
    """Each of them; now and then the event loop may do something else."""
    for index, thing in enumerate(things):
        yield thing
        if index % SLICE == SLICE - 1:
            await asyncio.sleep(0)


async def _stop(tasks: list[asyncio.Task[None]]) -> None:
    async for task in _breathing(tasks):
        task.cancel()
    for start in range(0, len(tasks), SLICE):
        await asyncio.gather(*tasks[start : start + SLICE], return_exceptions=True)


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("a check has ended for good; this is a fault of Carom's", exc_info=error)
