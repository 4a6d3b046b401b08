"""The engine: the one loop that owns the world.

    facts ──tell──> step ──> World ──> plan ──> DataPlane.apply ──> Snapshot
                               │                     └────────────> Announcer.announce
                               └──> Neighbours.watch

Everybody else tells it facts and reads its snapshot, which is frozen and never waited for. The loop hears what has been
told, then carries out the newest world: a thousand facts that arrive during one apply cost one more apply. Whatever
blocks or thinks for long does so in one worker thread, which is handed a frozen world; the event loop stays free.

No input ends the loop. What goes wrong is logged, stands in the snapshot until it goes well again, and is tried again:
at once when the world changes, else at growing intervals.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import reduce
from math import inf
from typing import Generic, TypeVar

from carom.core import world as worlds
from carom.core.plan import Plan
from carom.core.world import World
from carom.errors import CaromError
from carom.events import Fact, NeighbourLost, NeighbourResolved
from carom.model import Address, Config
from carom.ports import Announcer, Attachment, DataPlane, Neighbours, Reading

log = logging.getLogger(__name__)

SETTLE = 1.0
"""Seconds that a plan waits for the MACs of real servers that are new in it."""
READ_EVERY = 1.0
"""Seconds between two looks at the data plane's counters."""
RETRY_FIRST, RETRY_LAST = 1.0, 30.0
"""Seconds until what failed is tried again: doubled each time, up to the last."""
ANNOUNCE_AFTER = (0.0, 1.0, 2.0)
"""Seconds before each announcement of a VIP. RFC 5227 section 2.3 sends two; a switch that just came up loses some."""

Goal = TypeVar("Goal")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The engine at one moment."""

    world: World
    """What `plan` was made from."""
    plan: Plan
    """What the data plane carries out."""
    attachment: Attachment
    reading: Reading
    """The counters, as last read."""
    earlier: Reading
    """The counters, as read the time before: for rates."""
    apart: float
    """Seconds between the two readings; 0 until there are two."""
    now: float
    """The engine's clock when this snapshot was made."""
    troubles: tuple[str, ...]
    """What goes wrong at present, a sentence each."""


class Engine:
    """One director's engine. It is called in the event loop's thread, and never blocks it."""

    def __init__(
        self,
        config: Config,
        plane: DataPlane,
        neighbours: Neighbours,
        announcer: Announcer,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plane = plane
        self._neighbours = neighbours
        self._announcer = announcer
        self._clock = clock
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="carom-plane")
        self._told: list[Fact] = []
        self._wake = asyncio.Event()
        self._world = worlds.begin(config)
        self._troubles = _Troubles()
        self._watching = _Duty[frozenset[Address]]("the neighbours cannot be watched", clock, self._troubles)
        self._applying = _Duty[World]("the last apply failed, so the earlier plan stands", clock, self._troubles)
        self._attached_at: bytes | None = None
        self._held: frozenset[Address] = frozenset()
        self._held_at: bytes | None = None
        self._announcements: set[asyncio.Task[None]] = set()
        self._read_at: float | None = None
        self._snapshot: Snapshot | None = None

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot; there is one as soon as `start` has returned."""
        if self._snapshot is None:
            raise RuntimeError("the engine has no snapshot before it has been started")
        return self._snapshot

    def tell(self, fact: Fact) -> None:
        """Let the engine hear a fact, soon and in its turn."""
        self._told.append(fact)
        self._wake.set()

    async def start(self) -> None:
        """Attach, or take over, and carry out the first plan.

        Raises CaromError when that cannot be done; then nothing is left behind that was not there before.
        """
        await self._hear()
        attachment = await self._work(self._plane.attach)
        log.info("attached", extra=asdict(attachment))
        self._attached_at = self._world.mac
        nothing = Reading()
        self._snapshot = Snapshot(self._world, Plan(), attachment, nothing, nothing, 0.0, self._clock(), ())
        try:
            await self._watch(watched := self._world.watched)
            self._watching.achieved(watched)
            await self._apply(world := self._world)
            self._applying.achieved(world)
            await self._read()
        except BaseException:
            await self._work(self._plane.close if attachment.taken_over else self._plane.detach)
            raise
        self._announce()

    async def run(self) -> None:
        """Hear facts and carry out what follows from them, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._act_forever())
            tasks.create_task(self._read_forever())

    async def close(self) -> None:
        """Finish an apply that is under way, and let go of the data plane, which goes on by itself."""
        for announcement in self._announcements:
            announcement.cancel()
        await self._work(self._plane.close)
        self._worker.shutdown()

    async def _act_forever(self) -> None:
        while True:
            await self._news()
            await self._hear()
            while self._watching.due(self._world.watched):
                await self._watching.pursue(self._world.watched, self._watch)
            await self._applying.pursue(self._world, self._apply)
            self._announce()
            self._publish()

    async def _read_forever(self) -> None:
        while True:
            await asyncio.sleep(READ_EVERY)
            with self._troubles.noting("the counters cannot be read"):
                await self._read()
            self._publish()

    async def _news(self) -> None:
        """Until there are facts, or something that failed is to be tried again."""
        if self._told:
            return
        await self._woken(min(self._watching.again_at, self._applying.again_at))

    async def _woken(self, deadline: float) -> None:
        timeout = None if deadline == inf else max(0.0, deadline - self._clock())
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _hear(self) -> None:
        self._wake.clear()
        if self._told:
            facts, self._told = self._told, []
            self._world = await self._work(lambda: self._after(self._world, facts))

    def _after(self, world: World, facts: Sequence[Fact]) -> World:
        """In the worker's thread: the world after these facts."""
        try:
            return worlds.step(world, facts, self._clock())
        except Exception as error:  # noqa: BLE001 - no input ends the loop
            if len(facts) > 1:  # whichever of them meets a defect shall be lost alone
                return reduce(lambda before, fact: self._after(before, [fact]), facts, world)
            self._troubles.begin("a defect lost a fact: please report it, and restart caromd", error)
            return world

    async def _watch(self, wanted: frozenset[Address]) -> None:
        """Watch these, and give those that are new a moment to be resolved: a plan without MACs serves nobody."""
        new = wanted - (self._watching.done or frozenset())
        await self._neighbours.watch(wanted, self._neighbour_changed)
        deadline = self._clock() + SETTLE
        await self._hear()
        while self._world.watched is wanted and not self._world.neighbours.keys() >= new:
            if self._clock() >= deadline:
                return
            await self._woken(deadline)
            await self._hear()

    def _neighbour_changed(self, address: Address, mac: bytes | None) -> None:
        self.tell(NeighbourLost(address) if mac is None else NeighbourResolved(address, mac))

    async def _apply(self, world: World) -> None:
        before = None if self._applying.done is None else self.snapshot.plan
        attachment, wish = await self._work(lambda: self._make_true(world, before))
        self._snapshot = replace(self.snapshot, world=world, plan=wish, attachment=attachment)

    def _make_true(self, world: World, before: Plan | None) -> tuple[Attachment, Plan]:
        """In the worker's thread: make the plan, and apply it unless it is what the data plane does already."""
        attachment = self._attach_anew(world.mac)
        wish = worlds.plan(world)
        if wish != before or attachment is not self.snapshot.attachment:
            began = time.perf_counter()
            self._plane.apply(wish)
            log.info("plan applied", extra=_size(wish) | {"ms": round(1000 * (time.perf_counter() - began), 1)})
        self._attached_at = world.mac
        return attachment, wish

    def _attach_anew(self, mac: bytes | None) -> Attachment:
        """Attaching is where a data plane learns its NIC: one that came back, or has another MAC, is learnt again."""
        attachment = self.snapshot.attachment
        if mac is None or mac == self._attached_at:
            return attachment
        self._plane.close()
        attachment = replace(self._plane.attach(), taken_over=attachment.taken_over)
        log.info("attached anew", extra={"mac": mac.hex(":"), "mode": attachment.mode})
        return attachment

    def _announce(self) -> None:
        """Announce the VIPs newly held, or all of them when the NIC has come back or changed its MAC."""
        plan, nic = self.snapshot.plan, self.snapshot.world.nic
        held = frozenset(plan.vips) if plan.answering and (nic is None or nic.up) else frozenset()
        mac = self.snapshot.world.mac
        new = held - self._held if mac == self._held_at else held
        self._held, self._held_at = held, mac
        if new:
            announcement = asyncio.create_task(self._announce_repeatedly(new))
            self._announcements.add(announcement)
            announcement.add_done_callback(self._announcements.discard)

    async def _announce_repeatedly(self, vips: frozenset[Address]) -> None:
        for pause in ANNOUNCE_AFTER:
            await asyncio.sleep(pause)
            with self._troubles.noting("the VIPs cannot be announced"):
                await asyncio.to_thread(self._announcer.announce, tuple(vips & self._held))

    async def _read(self) -> None:
        reading = await self._work(self._plane.read)
        now, before, read_at = self._clock(), self.snapshot, self._read_at
        self._read_at = now
        if read_at is None:
            self._snapshot = replace(before, reading=reading, earlier=reading, now=now)
        else:
            self._snapshot = replace(before, reading=reading, earlier=before.reading, apart=now - read_at, now=now)

    def _publish(self) -> None:
        self._snapshot = replace(self.snapshot, troubles=self._troubles.sentences, now=self._clock())

    async def _work(self, blocking: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._worker, blocking)


class _Troubles:
    """What goes wrong at present. Each trouble is logged once, not at every new attempt."""

    def __init__(self) -> None:
        self._sentences: dict[str, str] = {}

    @property
    def sentences(self) -> tuple[str, ...]:
        return tuple(self._sentences.values())

    @contextmanager
    def noting(self, what: str) -> Iterator[None]:
        """No input ends the loop: what goes wrong in here is noted, and no longer once it goes well."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - see above
            self.begin(what, error)
        else:
            if self._sentences.pop(what, None):
                log.info("no longer: %s", what)

    def begin(self, what: str, error: Exception) -> None:
        foreseen = isinstance(error, CaromError)
        sentence = f"{what}: {error if foreseen else f'{type(error).__name__}: {error}'}"
        if self._sentences.get(what) != sentence:
            log.error("%s", sentence, exc_info=None if foreseen else error)
        self._sentences[what] = sentence


class _Duty(Generic[Goal]):
    """One thing to bring about, for a goal that changes; goals are compared by identity, as worlds are."""

    def __init__(self, trouble: str, clock: Callable[[], float], troubles: _Troubles) -> None:
        self.done: Goal | None = None
        """The goal brought about last."""
        self.again_at = inf
        """When the failed goal is to be tried again."""
        self._failed: Goal | None = None
        self._pause = RETRY_FIRST
        self._trouble = trouble
        self._clock = clock
        self._troubles = troubles

    def due(self, goal: Goal) -> bool:
        if goal is self.done:
            return False
        return goal is not self._failed or self._clock() >= self.again_at

    async def pursue(self, goal: Goal, work: Callable[[Goal], Awaitable[None]]) -> None:
        if not self.due(goal):
            return
        with self._troubles.noting(self._trouble):
            await work(goal)
            self.achieved(goal)
            return
        self._failed, self.again_at = goal, self._clock() + self._pause
        self._pause = min(2 * self._pause, RETRY_LAST)

    def achieved(self, goal: Goal) -> None:
        self.done, self._failed, self.again_at, self._pause = goal, None, inf, RETRY_FIRST


def _size(plan: Plan) -> dict[str, int]:
    reals = [real for service in plan.services for real in service.reals]
    return {
        "services": len(plan.services),
        "reals": len(reals),
        "schedulable": sum(real.schedulable for real in reals),
    }
