"""The engine: the one loop that owns the world.

    facts ──tell──> step ──> World ──> plan ──> DataPlane.apply ──> Snapshot
                               │                     └────────────> Announcer.announce
                               ├──> Neighbours.watch
                               └──> Checks.watch

Everybody else tells it facts and reads its snapshot, which is frozen and never waited for. The loop hears what has been
told, then carries out the newest world: a thousand facts that arrive during one apply cost one more apply. Whatever
blocks or thinks for long does so in one worker thread, which is handed a frozen world; the event loop stays free.

No input ends the loop. What goes wrong is logged, stands in the snapshot until it goes well again, and is tried again:
at once when the world changes, else at growing intervals. Only a `change` that fails is not tried again: it is undone.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import partial, reduce
from math import inf
from typing import TypeVar

from carom.announcing import Announcing
from carom.core import world as worlds
from carom.core.explain import Question, Sight
from carom.core.flows import Wanted
from carom.core.news import News
from carom.core.plan import Plan
from carom.core.planning import Planned
from carom.core.world import Memory, World
from carom.counting import Counting
from carom.duty import Duty, Troubles
from carom.events import (
    ConfigLoaded,
    DataPlaneDisturbed,
    Emptied,
    Fact,
    NeighbourLost,
    NeighbourResolved,
    Override,
    RealName,
)
from carom.fulfilment import Fulfilment
from carom.model import Address, Config, OnMisuse
from carom.outcome import Checked
from carom.ports import (
    Announcer,
    Checks,
    DataPlane,
    FlowCount,
    FlowSlice,
    Neighbours,
    Reading,
)
from carom.replaced import Replaced
from carom.sighting import Sighting, Sign, VipSighted
from carom.snapshot import Snapshot
from carom.telling import Listener, Telling
from carom.trial import Trial

log = logging.getLogger(__name__)

SETTLE = 1.0
"""Seconds that a plan waits for the MACs of real servers that are new in it, and a start for the first checks."""
GATHER = 0.05
"""Seconds in which results of checks are gathered, to be heard together: there may be thousands a second."""
READ_EVERY = 1.0
"""Seconds between two looks at the data plane's counters."""
READ_SHARE = 4
"""Times as long as a look took, at least, until the next: of 100,000 real servers it takes half a second."""
Result = TypeVar("Result")


class Engine:
    """One director's engine. It is called in the event loop's thread, and never blocks it."""

    def __init__(
        self,
        config: Config,
        plane: DataPlane,
        neighbours: Neighbours,
        announcer: Announcer,
        checks: Checks,
        *,
        overrides: Mapping[RealName, Override] | None = None,
        memory: Memory | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`memory` is the daemon's before this one; it counts only if the data plane is found running."""
        self._plane, self._neighbours, self._checks = plane, neighbours, checks
        self._memory = memory or Memory()
        self._clock = clock
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="carom-plane")
        self._told: list[Fact] = []
        self._awaited: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._gathering: asyncio.TimerHandle | None = None
        self._unchecked = asyncio.Event()
        self._world = worlds.begin(config, clock(), overrides)
        self._telling = Telling()
        self._changes: list[Trial] = []
        self._trial: Trial | None = None
        self._troubles = Troubles()
        self._announcing = Announcing(announcer, self._troubles)
        self._counting = Counting(clock)
        self._replaced = Replaced()
        self._watching = Duty("the neighbours cannot be watched", clock, self._troubles)
        self._checking = Duty("some health checks cannot be made", clock, self._troubles)
        self._applying = Duty("the last apply failed, so the earlier plan stands", clock, self._troubles)
        self._planned: Planned | None = None
        self._fulfilment = Fulfilment(plane)
        self._snapshot: Snapshot | None = None

    @property
    def world(self) -> World:
        """The newest; a snapshot's may be a moment older."""
        return self._world

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot; there is one as soon as `start` has returned."""
        if self._snapshot is None:
            raise RuntimeError("the engine has no snapshot before it has been started")
        return self._snapshot

    def tell(self, fact: Fact) -> None:
        """Let the engine hear a fact, soon and in its turn."""
        self._told.append(fact)
        if isinstance(fact, VipSighted):
            self._defend(fact.sighting)
        if not isinstance(fact, Checked):
            self._wake.set()
        elif self._gathering is None:
            self._gathering = asyncio.get_running_loop().call_later(GATHER, self._wake.set)

    async def tell_through(self, fact: Fact) -> None:
        """Let the engine hear a fact, and wait until what follows from it has been tried."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._awaited.append(done)
        self.tell(fact)
        await done

    def check_again(self) -> None:
        """Have the ways of health checks laid again: some have been taken away."""
        self._checking.undone()
        self._unchecked.set()

    async def prove_alive(self) -> None:
        """Returns once the worker and the loop have come round: for whoever watches over it."""
        await self._work(lambda: None)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._awaited.append(done)
        self._wake.set()
        await done

    def listen(self, listener: Listener) -> None:
        """Have all news told to this, in the event loop's thread, as they come."""
        self._telling.listen(listener)

    async def change(self, config: Config) -> None:
        """Carry out this configuration, whole. Raises CaromError if that cannot be done: then the earlier one runs on.

        One call at a time. It is carried out, or undone, also if whoever asks for it goes away meanwhile.
        """
        trial = Trial(config)
        self._changes.append(trial)
        self._wake.set()
        await trial.outcome()

    async def flows(self, wanted: Wanted, place: int, most: int) -> FlowSlice:
        """One slice of the data plane's flows; between two of them the engine does what else is to be done."""
        return await self._work(lambda: self._plane.flows(wanted, place, most))

    async def count_flows(self, wanted: Wanted, place: int) -> FlowCount:
        return await self._work(lambda: self._plane.count_flows(wanted, place))

    async def explain(self, question: Question) -> Sight:
        """Where a connection would go, as the data plane has it at this moment."""
        return await self._work(lambda: self._plane.explain(question))

    async def start(self) -> None:
        """Attach, or take over, and carry out the first plan.

        Raises CaromError when that cannot be done; then nothing is left behind that was not there before.
        """
        attachment = await self._work(self._plane.attach)
        log.info("attached", extra=asdict(attachment))
        if attachment.taken_over:
            self._world = await self._work(lambda: worlds.recall(self._world, self._memory, self._clock()))
        await self._hear()
        self._fulfilment.attached(self._world)
        nothing = Reading()
        self._snapshot = Snapshot(self._world, Plan(), attachment, nothing, nothing, 0.0, self._clock(), ())
        try:
            await self._watch()
            self._watching.achieved(self._to_watch)
            if not attachment.taken_over:
                await self._checking.pursue(self._to_check, self._check)
                await self._hear_until(worlds.told, SETTLE)
            await self._apply()
            self._applying.achieved(self._world.basis)
            await self._read()
        except BaseException:
            await self._work(self._plane.close if attachment.taken_over else self._plane.detach)
            raise
        self._announce()
        self._publish()

    async def run(self) -> None:
        """Hear facts and carry out what follows from them, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._act_forever())
            tasks.create_task(self._check_forever())
            tasks.create_task(self._read_forever())
            tasks.create_task(self._replaced.free_forever(self._work))

    async def close(self) -> None:
        """Finish an apply that is under way, and let go of the data plane, which goes on by itself."""
        self._announcing.close()
        if self._gathering:
            self._gathering.cancel()
        await self._work(self._plane.close)
        self._worker.shutdown()

    async def _act_forever(self) -> None:
        self._unchecked.set()
        while True:
            if not self._changes and not self._awaited:  # what was asked for while others were heard
                await self._woken(min(self._watching.again_at, self._applying.again_at, self._world.again))
            awaited, self._awaited = self._awaited, []
            await self._hear()
            await self._try_change()
            while self._watching.due(self._to_watch):
                await self._watching.pursue(self._to_watch, self._watch)
            await self._applying.pursue(self._world.basis, self._apply)
            await self._end_change()
            if self._checking.due(self._to_check):
                self._unchecked.set()
            self._announce()
            self._publish()
            for done in awaited:
                if not done.done():
                    done.set_result(None)

    async def _check_forever(self) -> None:
        """Beside the loop, which should not wait while a thousand ways to real servers are laid."""
        while True:
            await _set_by(self._unchecked, self._checking.again_at, self._clock())
            self._unchecked.clear()
            await self._checking.pursue(self._to_check, self._check)
            self._publish()

    async def _read_forever(self) -> None:
        took = 0.0
        while True:
            await asyncio.sleep(max(READ_EVERY, READ_SHARE * took))
            began = self._clock()
            with self._troubles.noting("the counters cannot be read"):
                await self._read()
            with self._troubles.noting("the data plane cannot be looked after"):
                await self._look_after()
            took = self._clock() - began
            self._publish()

    # ---- hearing ----

    async def _woken(self, deadline: float) -> None:
        """Until there is something to hear or to do, or the deadline."""
        await _set_by(self._wake, deadline, self._clock())

    async def _hear(self) -> None:
        self._wake.clear()
        if self._gathering:
            self._gathering.cancel()
            self._gathering = None
        if not self._told and self._clock() < self._world.again:
            return
        facts, self._told = self._told, []
        if self._trial:
            self._trial.hear(facts)
        await self._become(lambda: self._after(self._world, facts))

    async def _become(self, after: Callable[[], World]) -> None:
        """Take on the world that this makes, in the worker's thread, and spread the news."""

        def think() -> tuple[World, tuple[News, ...]]:
            world = after()
            return world, self._telling.note(self._world, world, self._clock())

        self._world, found = await self._work(think)
        if self._snapshot and found:
            self._publish()  # who hears the news and looks shall see them
            self._telling.spread(found)

    async def _hear_until(self, condition: Callable[[World], bool], seconds: float) -> None:
        deadline = self._clock() + seconds
        await self._hear()
        while not await self._work(partial(condition, self._world)) and self._clock() < deadline:
            await self._woken(deadline)
            await self._hear()

    def _after(self, world: World, facts: Sequence[Fact]) -> World:
        """In the worker's thread: the world after these facts."""
        try:
            return worlds.step(world, facts, self._clock())
        except Exception as error:  # noqa: BLE001 - no input ends the loop
            if len(facts) > 1:  # whichever of them meets a defect shall be lost alone
                return reduce(lambda before, fact: self._after(before, [fact]), facts, world)
            self._troubles.begin("a defect lost a fact: please report it, and restart caromd", error)
            return world

    # ---- neighbours and checks ----

    @property
    def _to_watch(self) -> tuple[object, ...]:
        return self._world.watched, self._world.vlans

    @property
    def _to_check(self) -> tuple[object, ...]:
        # a NIC that was down has lost the ways to its real servers
        return self._world.config, self._world.nic, self._world.inside

    async def _watch(self) -> None:
        """Watch these, and give those that are new a moment to be resolved: a plan without MACs serves nobody."""
        wanted = self._world.watched
        before = self._watching.done[0] if self._watching.done else frozenset()
        waiting = await self._work(lambda: list(wanted - before))  # type: ignore[operator]
        await self._neighbours.watch(wanted, self._neighbour_changed)

        def resolved(world: World) -> bool:
            """Each is looked for until it is found: looking for 100,000 again at every news would take too long."""
            while waiting and waiting[-1] in world.neighbours:
                waiting.pop()
            return not waiting or world.watched is not wanted

        await self._hear_until(resolved, SETTLE)

    def _neighbour_changed(self, address: Address, mac: bytes | None) -> None:
        self.tell(NeighbourLost(address) if mac is None else NeighbourResolved(address, mac))

    async def _check(self) -> None:
        await self._checks.watch(self._world.config, self.tell)

    # ---- changes ----

    async def _try_change(self) -> None:
        """Begin the next change, with the way back kept."""
        if self._trial is None and self._changes:
            self._trial = trial = self._changes.pop(0)
            trial.begin(self._world)
            await self._become(lambda: self._after(self._world, [ConfigLoaded(trial.config)]))

    async def _end_change(self) -> None:
        """Answer for the change that was tried; where it failed, be as if it had not been."""
        trial, error = self._trial, self._applying.error
        if trial is None:
            return
        self._trial = None
        if error is None:
            trial.succeed()
            return
        before, heard = trial.way_back
        await self._become(lambda: self._after(before, heard))
        self._applying.given_up()
        self._wake.set()  # what was heard meanwhile is to be carried out
        trial.fail(error)

    # ---- the data plane ----

    async def _apply(self) -> None:
        world, before = self._world, self._planned
        attachment, wish = await self._work(lambda: self._fulfilment.fulfil(world, before, self.snapshot.attachment))
        if before and before.world.config is not world.config:
            self._replaced.add(before)
        self._planned = Planned(world, wish)
        self._snapshot = replace(self.snapshot, plan=wish, attachment=attachment)

    def _announce(self) -> None:
        """Announce the VIPs newly held, or all of them when the NIC has come back or changed its MAC."""
        plan, nic = self.snapshot.plan, self._world.nic
        held = frozenset(plan.vips) if plan.answering and (nic is None or nic.up) else frozenset()
        self._announcing.hold(held, self._world.mac)

    def _defend(self, sighting: Sighting) -> None:
        """Somebody else claims a VIP, not only sends from it."""
        if self._world.config.director.on_misuse is not OnMisuse.REPORT and sighting.sign is not Sign.SENT:
            self._announcing.defend(sighting.vip)

    async def _read(self) -> None:
        world = self._world
        look = await self._work(lambda: self._counting.look(self._plane, world))
        self._snapshot = self._counting.shown(self.snapshot, look)
        if look.emptied:
            self.tell(Emptied(look.emptied))

    async def _look_after(self) -> None:
        """Whether the data plane is still as it was left. Without its NIC it cannot be, and that is told already."""
        how = await self._work(self._plane.disturbance) if self._world.mac else ""
        if how != self._world.disturbed:
            self.tell(DataPlaneDisturbed(how))

    def _publish(self) -> None:
        self._snapshot = replace(self.snapshot, world=self._world, troubles=self._troubles.sentences, now=self._clock())

    async def _work(self, blocking: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._worker, blocking)


async def _set_by(event: asyncio.Event, deadline: float, now: float) -> None:
    """Until the event is set, or the deadline."""
    try:
        async with asyncio.timeout(None if deadline == inf else max(0.0, deadline - now)):
            await event.wait()
    except TimeoutError:
        return
