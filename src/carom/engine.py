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
from dataclasses import asdict, dataclass, field, replace
from functools import partial, reduce
from math import inf
from typing import TypeVar

from carom.core import planning
from carom.core import world as worlds
from carom.core.explain import Question, Sight
from carom.core.flows import Wanted
from carom.core.handshakes import Handshakes
from carom.core.news import News, news
from carom.core.plan import Plan
from carom.core.planning import Planned
from carom.core.world import Memory, World
from carom.duty import Duty, Troubles
from carom.errors import DataPlaneError
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
from carom.model import Address, Config, OnMisuse
from carom.outcome import Checked
from carom.ports import (
    Announcer,
    Attachment,
    Checks,
    DataPlane,
    FlowCount,
    FlowSlice,
    Neighbours,
    Reading,
    RealReading,
)
from carom.rates import Past, Sample
from carom.sighting import Sighting, Sign, VipSighted

log = logging.getLogger(__name__)

SETTLE = 1.0
"""Seconds that a plan waits for the MACs of real servers that are new in it, and a start for the first checks."""
GATHER = 0.05
"""Seconds in which results of checks are gathered, to be heard together: there may be thousands a second."""
READ_EVERY = 1.0
"""Seconds between two looks at the data plane's counters."""
READ_SHARE = 4
"""Times as long as a look took, at least, until the next: of 100,000 real servers it takes half a second."""
REST = 2.0
"""Seconds for which a configuration that was replaced is still kept: until then somebody may be looking at it."""
LARGE = 1_000
"""Real servers from which on that is worth the trouble: fewer are freed in a fraction of a millisecond."""
ANNOUNCE_AFTER = (0.0, 1.0, 2.0)
"""Seconds before each announcement of a VIP. RFC 5227 section 2.3 sends two; a switch that just came up loses some."""

HANDSHAKES_OVER = 30.0
"""Seconds over which handshakes are looked at, at least."""

Result = TypeVar("Result")
Listener = Callable[[Sequence[News]], None]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The engine at one moment."""

    world: World
    """What is known; a little ahead of the plan while that is carried out."""
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
    read_at: float = 0.0
    """The engine's clock when the counters were last read."""
    minute: Sample = field(default_factory=Sample)
    """The counters of a minute before, or of the first reading."""
    past: Reading = field(default_factory=Reading)
    """The counters as they were HANDSHAKES_OVER to twice that ago, or at the first reading: for what takes a while."""
    past_at: float = 0.0
    """When that was."""

    @property
    def handshakes(self) -> dict[str, dict[Address, Handshakes]]:
        """Those of each service's real servers since `past`; made anew at each call."""
        before = {(one.service, one.address): one for one in self.past.reals}
        found: dict[str, dict[Address, Handshakes]] = {}
        for one in self.reading.reals:
            earlier = before.get((one.service, one.address), one)
            found.setdefault(one.service, {})[one.address] = _apart(one, earlier)
        return found


def _apart(now: RealReading, before: RealReading) -> Handshakes:
    return Handshakes(
        max(0, now.new_flows - before.new_flows),
        max(0, now.syns_repeated - before.syns_repeated),
        max(0, now.handshakes_lost - before.handshakes_lost),
    )


@dataclass(slots=True)
class _Change:
    """A configuration that is tried: the world it came to, and what was heard since, to go back if it fails."""

    config: Config
    done: asyncio.Future[None]
    before: World | None = None
    heard: list[Fact] | None = None


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
        self._plane, self._neighbours, self._announcer, self._checks = plane, neighbours, announcer, checks
        self._memory = memory or Memory()
        self._clock = clock
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="carom-plane")
        self._told: list[Fact] = []
        self._awaited: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._gathering: asyncio.TimerHandle | None = None
        self._unchecked = asyncio.Event()
        self._world = worlds.begin(config, clock(), overrides)
        self._listeners: list[Listener] = []
        self._changes: list[_Change] = []
        self._trial: _Change | None = None
        self._troubles = Troubles()
        self._watching = Duty("the neighbours cannot be watched", clock, self._troubles)
        self._checking = Duty("some health checks cannot be made", clock, self._troubles)
        self._applying = Duty("the last apply failed, so the earlier plan stands", clock, self._troubles)
        self._planned: Planned | None = None
        self._attached_at: tuple[object, ...] = ()
        """The NICs that the data plane was attached to."""
        self._replaced: asyncio.Queue[tuple[float, Planned]] = asyncio.Queue()
        """What is to be freed, and when."""
        self._held: frozenset[Address] = frozenset()
        self._held_at: bytes | None = None
        self._announcements: set[asyncio.Task[None]] = set()
        self._read_at: float | None = None
        self._kept: list[tuple[float, Reading]] = []
        self._minute = Past()
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
        self._listeners.append(listener)

    async def change(self, config: Config) -> None:
        """Carry out this configuration, whole. Raises CaromError if that cannot be done: then the earlier one runs on.

        One call at a time. It is carried out, or undone, also if whoever asks for it goes away meanwhile.
        """
        change = _Change(config, asyncio.get_running_loop().create_future())
        self._changes.append(change)
        self._wake.set()
        await asyncio.shield(change.done)

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
        self._attached_at = self._world.hardware
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
            tasks.create_task(self._free_forever())

    async def close(self) -> None:
        """Finish an apply that is under way, and let go of the data plane, which goes on by itself."""
        for announcement in self._announcements:
            announcement.cancel()
        if self._gathering:
            self._gathering.cancel()
        await self._work(self._plane.close)
        self._worker.shutdown()

    async def _act_forever(self) -> None:
        self._unchecked.set()
        while True:
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
        if self._trial and self._trial.heard is not None:
            self._trial.heard += facts
        await self._become(lambda: self._after(self._world, facts))

    async def _become(self, after: Callable[[], World]) -> None:
        """Take on the world that this makes, in the worker's thread, and spread the news."""

        def think() -> tuple[World, tuple[News, ...]]:
            world = after()
            heard = self._news(world) if world is not self._world else ()
            for item in heard:
                log.log(logging.WARNING if item.grave else logging.INFO, item.event, extra=dict(item.fields))
            return world, heard

        self._world, heard = await self._work(think)
        if self._snapshot and heard:
            self._publish()  # who hears the news and looks shall see them
            self._spread(heard)

    def _news(self, world: World) -> tuple[News, ...]:
        """In the worker's thread: what has happened. A defect in telling it keeps nothing from happening."""
        try:
            return tuple(news(self._world, world, self._clock()))
        except Exception:
            log.exception("a defect lost news: please report it")
            return ()

    def _spread(self, heard: Sequence[News]) -> None:
        for listener in self._listeners:
            try:
                listener(heard)
            except Exception:
                log.exception("a defect keeps one who listens from the news: please report it")

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
        new = wanted - (self._watching.done[0] if self._watching.done else frozenset())  # type: ignore[operator]
        await self._neighbours.watch(wanted, self._neighbour_changed)
        waiting = list(new)

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
            trial.before, trial.heard = self._world, []
            await self._become(lambda: self._after(self._world, [ConfigLoaded(trial.config)]))

    async def _end_change(self) -> None:
        """Answer for the change that was tried; where it failed, be as if it had not been."""
        trial, error = self._trial, self._applying.error
        if trial is None or trial.before is None or trial.heard is None:
            return
        self._trial = None
        if error is None:
            trial.done.set_result(None)
            return
        before, heard = trial.before, trial.heard
        await self._become(lambda: self._after(before, heard))
        self._applying.given_up()
        self._wake.set()  # what was heard meanwhile is to be carried out
        trial.done.set_exception(error if isinstance(error, DataPlaneError) else DataPlaneError(str(error)))

    # ---- the data plane ----

    async def _apply(self) -> None:
        world, before = self._world, self._planned
        attachment, wish = await self._work(lambda: self._make_true(world, before))
        if before and before.world.config is not world.config:
            self._let_go(before)
        self._planned = Planned(world, wish)
        self._snapshot = replace(self.snapshot, plan=wish, attachment=attachment)

    def _make_true(self, world: World, before: Planned | None) -> tuple[Attachment, Plan]:
        """In the worker's thread: make the plan, and apply it unless it is what the data plane does already."""
        attachment = self._attach_anew(world)
        wish = planning.plan(world, before)
        if before is None or wish != before.plan or attachment is not self.snapshot.attachment:
            began = time.perf_counter()
            self._plane.apply(wish)
            log.info("plan applied", extra=_size(wish) | {"ms": round(1000 * (time.perf_counter() - began), 1)})
        self._attached_at = world.hardware
        return attachment, wish

    def _attach_anew(self, world: World) -> Attachment:
        """Attaching is where a data plane learns its NICs: one that came back, or has another MAC, is learnt again."""
        attachment = self.snapshot.attachment
        is_gone = world.config.director.inside is not None and world.inside_mac is None
        if world.mac is None or is_gone:
            return attachment
        if world.hardware == self._attached_at:
            if world.disturbed:
                self._plane.mend()
            return attachment
        self._plane.close()
        attachment = replace(self._plane.attach(), taken_over=attachment.taken_over)
        log.info("attached anew", extra={"mac": world.mac.hex(":"), "mode": attachment.mode})
        return attachment

    def _announce(self) -> None:
        """Announce the VIPs newly held, or all of them when the NIC has come back or changed its MAC."""
        plan, nic = self.snapshot.plan, self._world.nic
        held = frozenset(plan.vips) if plan.answering and (nic is None or nic.up) else frozenset()
        mac = self._world.mac
        new = held - self._held if mac == self._held_at else held
        self._held, self._held_at = held, mac
        if new:
            self._announce_in_time(new, ANNOUNCE_AFTER)

    async def _announce_repeatedly(self, vips: frozenset[Address], pauses: tuple[float, ...]) -> None:
        for pause in pauses:
            await asyncio.sleep(pause)
            with self._troubles.noting("the VIPs cannot be announced"):
                await asyncio.to_thread(self._announcer.announce, tuple(vips & self._held))

    def _defend(self, sighting: Sighting) -> None:
        """Somebody else claims a VIP that is held here: tell the segment at once where it is."""
        wanted = self._world.config.director.on_misuse is not OnMisuse.REPORT
        if wanted and sighting.vip in self._held and sighting.sign is not Sign.SENT:
            self._announce_in_time(frozenset({sighting.vip}), (0.0,))

    def _announce_in_time(self, vips: frozenset[Address], pauses: tuple[float, ...]) -> None:
        announcement = asyncio.create_task(self._announce_repeatedly(vips, pauses))
        self._announcements.add(announcement)
        announcement.add_done_callback(self._announcements.discard)

    async def _read(self) -> None:
        world = self._world
        reading, at, minute, empty = await self._work(lambda: self._looked_at(world))
        before, first = self.snapshot, self._read_at is None
        apart = 0.0 if self._read_at is None else at - self._read_at
        self._read_at = at
        past_at, past = self._past(at, reading)
        fresh = replace(before, reading=reading, now=self._clock(), past=past, past_at=past_at)
        earlier = reading if first else before.reading
        self._snapshot = replace(fresh, earlier=earlier, apart=apart, read_at=at, minute=minute)
        if empty:
            self.tell(Emptied(empty))

    def _looked_at(self, world: World) -> tuple[Reading, float, Sample, frozenset[RealName]]:
        """In the worker's thread: the counters, when they were read, and who leaves and has no flows left."""
        reading, at = self._plane.read(), self._clock()
        return reading, at, self._minute.add(reading, at), _emptied(world, reading)

    async def _look_after(self) -> None:
        """Whether the data plane is still as it was left. Without its NIC it cannot be, and that is told already."""
        how = await self._work(self._plane.disturbance) if self._world.mac else ""
        if how != self._world.disturbed:
            self.tell(DataPlaneDisturbed(how))

    def _past(self, now: float, reading: Reading) -> tuple[float, Reading]:
        """The older of the two readings that are kept, HANDSHAKES_OVER apart."""
        if not self._kept or now - self._kept[-1][0] >= HANDSHAKES_OVER:
            self._kept = [*self._kept[-1:], (now, reading)]
        return self._kept[0]

    def _publish(self) -> None:
        self._snapshot = replace(self.snapshot, world=self._world, troubles=self._troubles.sentences, now=self._clock())

    def _let_go(self, planned: Planned) -> None:
        if sum(len(service.reals) for service in planned.plan.services) >= LARGE:
            self._replaced.put_nowait((self._clock() + REST, planned))

    async def _free_forever(self) -> None:
        """Free in the worker's thread what has been replaced, once nobody else is likely to hold it."""
        while True:
            due, *held = await self._replaced.get()
            await asyncio.sleep(due - self._clock())
            await self._work(partial(_free, held))

    async def _work(self, blocking: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._worker, blocking)


async def _set_by(event: asyncio.Event, deadline: float, now: float) -> None:
    """Until the event is set, or the deadline."""
    try:
        async with asyncio.timeout(None if deadline == inf else max(0.0, deadline - now)):
            await event.wait()
    except TimeoutError:
        return


def _free(held: list[Planned]) -> None:
    """Let go of it piece by piece. With the last reference to all of it, all of it would be freed at one go, and for
    100,000 real servers everybody would wait meanwhile."""
    parts = _parts(held.pop())
    while parts:
        parts.pop()


def _parts(planned: Planned) -> list[object]:
    """What a world and its plan consist of: pieces that are quickly freed."""
    world = planned.world
    by_service = (world.services, world.judgements, world.health)
    parts: list[object] = [*planned.plan.services, *world.config.services, *world.neighbours.values()]
    return parts + [part for known in by_service for part in known.values()]


def _emptied(world: World, reading: Reading) -> frozenset[RealName]:
    """The real servers that leave and have no flows left."""
    if not world.leaving:
        return frozenset()
    idle = {(real.service, real.address) for real in reading.reals if not real.active and not real.inactive}
    return frozenset(idle & world.leaving.keys())


def _size(plan: Plan) -> dict[str, int]:
    reals = [real for service in plan.services for real in service.reals]
    return {
        "services": len(plan.services),
        "reals": len(reals),
        "schedulable": sum(real.schedulable for real in reals),
    }
