"""The engine: facts are told, the data plane, the neighbours and the segment hear what follows."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from ipaddress import ip_address
from itertools import pairwise
from typing import cast

import pytest

from carom import announcing, telling
from carom import duty as duties
from carom import engine as engines
from carom.core.health import inherited
from carom.core.news import News
from carom.core.plan import Plan, RealPlan
from carom.core.world import Memory, memory_of
from carom.dataplane.fake.plane import FakeDataPlane
from carom.engine import Engine
from carom.errors import DataPlaneError, NetError
from carom.events import (
    ConfigLoaded,
    Fact,
    InterfaceChanged,
    NeighbourLost,
    NeighbourResolved,
    Overridden,
    Override,
)
from carom.model import Address, Check, Config, Director, OnMisuse, Ports, Protocol, Real, Scheduler, Service
from carom.outcome import Checked, Outcome, Reason
from carom.ports import Attachment, Reading
from carom.sighting import Sighting, Sign, VipSighted

VIP, VIP2, ONE, TWO = (ip_address(f"192.168.76.{host}") for host in (24, 25, 31, 32))
MAC1, MAC2, OWN, OTHER = (bytes.fromhex(f"0200000000{host}") for host in ("31", "32", "01", "02"))
WEB = Service("web", VIP, (Ports(Protocol.TCP, 80, 80),), (Real(ONE), Real(TWO)), Scheduler.WRR, check=None)
CONFIG = Config(Director("eth0"), (WEB,))
CHECKED = Config(Director("eth0"), (replace(WEB, check=Check()),))
DNS = Service("dns", VIP2, (Ports(Protocol.UDP, 53, 53),), (Real(TWO),), Scheduler.RR, check=None)
GOOD, BAD = Outcome(Reason.OK), Outcome(Reason.SILENT, "no answer")


class Plane(FakeDataPlane):
    """The fake data plane, which keeps a diary, and can be made to refuse or to take its time."""

    def __init__(self, *, taken_over: bool = False) -> None:
        super().__init__(OWN, "eth0")
        self.taken_over = taken_over
        self.diary: list[str] = []
        self.applied: list[Plan] = []
        self.applied_at: list[float] = []
        self.refusal: Exception | None = None
        self.unreadable: Exception | None = None
        self.disturbed = ""
        self.unmendable: Exception | None = None
        self.busy = False
        """Whether real servers have flows."""
        self.free = threading.Event()
        self.free.set()

    def attach(self) -> Attachment:
        self.diary.append("attach")
        return replace(super().attach(), taken_over=self.taken_over)

    def apply(self, plan: Plan) -> None:
        self.diary.append("apply")
        self.applied_at.append(time.monotonic())
        self.free.wait(10)
        if self.refusal:
            raise self.refusal
        self.applied.append(plan)
        super().apply(plan)

    def disturbance(self) -> str:
        return self.disturbed

    def mend(self) -> None:
        self.diary.append("mend")
        if self.unmendable:
            raise self.unmendable
        self.disturbed = ""

    def read(self) -> Reading:
        if self.unreadable:
            raise self.unreadable
        reading = super().read()
        return replace(reading, reals=tuple(replace(real, active=int(self.busy)) for real in reading.reals))

    def close(self) -> None:
        self.diary.append("close")

    def detach(self) -> tuple[str, ...]:
        self.diary.append("detach")
        return ("everything",)


class Neighbours:
    """A segment on which `table` is who answers."""

    def __init__(self, table: dict[Address, bytes]) -> None:
        self.table = table
        self.watched: list[frozenset[Address]] = []
        self.broken: Exception | None = None
        self.free = asyncio.Event()
        self.free.set()

    async def watch(self, addresses: frozenset[Address], changed: Callable[[Address, bytes | None], None]) -> None:
        await self.free.wait()
        if self.broken:
            raise self.broken
        self.watched.append(addresses)
        self.changed = changed
        for address in addresses & self.table.keys():
            changed(address, self.table[address])


class Announcer:
    """Hears announcements."""

    def __init__(self) -> None:
        self.heard: list[tuple[Address, ...]] = []
        self.broken: Exception | None = None

    def announce(self, vips: tuple[Address, ...]) -> None:
        if self.broken:
            raise self.broken
        self.heard.append(vips)


class Checks:
    """Checks that have been made once as soon as they are asked for, with the outcomes of `found`."""

    def __init__(self) -> None:
        self.found = {ONE: GOOD, TWO: GOOD}
        self.watched: list[Config] = []
        self.broken: Exception | None = None

    async def watch(self, config: Config, report: Callable[[Checked], None]) -> None:
        if self.broken:
            raise self.broken
        self.watched.append(config)
        for service in config.services:
            for real in service.reals if service.check else ():
                if real.address in self.found:
                    report(Checked(service.name, real.address, self.found[real.address]))


class Stage:
    """An engine with everything around it."""

    def __init__(
        self,
        config: Config = CONFIG,
        *,
        taken_over: bool = False,
        silent: frozenset[Address] = frozenset(),
        memory: Memory | None = None,
    ) -> None:
        self.plane = Plane(taken_over=taken_over)
        self.neighbours = Neighbours({a: m for a, m in ((ONE, MAC1), (TWO, MAC2)) if a not in silent})
        self.announcer = Announcer()
        self.checks = Checks()
        self.engine = Engine(config, self.plane, self.neighbours, self.announcer, self.checks, memory=memory)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Engine]:
        await self.engine.start()
        running = asyncio.create_task(self.engine.run())
        try:
            yield self.engine
        finally:
            assert not running.done(), "nothing may end the engine's loop"
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            self.plane.free.set()
            await self.engine.close()

    def macs(self) -> list[bytes | None]:
        return [real.mac for real in self.plane.applied[-1].services[0].reals]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's patience, a hundredth of it."""
    monkeypatch.setattr(engines, "SETTLE", 0.05)
    monkeypatch.setattr(engines, "GATHER", 0.005)
    monkeypatch.setattr(engines, "READ_EVERY", 0.01)
    monkeypatch.setattr(duties, "RETRY_FIRST", 0.01)
    monkeypatch.setattr(duties, "RETRY_LAST", 0.04)
    monkeypatch.setattr(announcing, "ANNOUNCE_AFTER", (0.0, 0.01, 0.01))


def play(scene: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30):
            await scene()

    asyncio.run(bounded())


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event, and needs none elsewhere
            await asyncio.sleep(0.001)


# ---- beginning and ending ----


def test_the_first_plan_has_every_mac_that_the_kernel_knows() -> None:
    async def scene() -> None:
        stage = Stage()
        await stage.engine.start()
        assert stage.neighbours.watched == [frozenset({ONE, TWO})]
        assert stage.plane.diary == ["attach", "apply"]
        assert stage.macs() == [MAC1, MAC2]
        assert stage.engine.snapshot.plan == stage.plane.plan
        await stage.engine.close()
        assert stage.plane.diary[-1] == "close"

    play(scene)


def test_the_first_plan_waits_for_macs_but_not_for_ever() -> None:
    async def scene() -> None:
        stage = Stage(silent=frozenset({ONE, TWO}))
        starting = asyncio.create_task(stage.engine.start())
        await until(lambda: stage.neighbours.watched)
        stage.neighbours.changed(ONE, MAC1)
        await starting
        assert len(stage.plane.applied) == 1
        assert stage.macs() == [MAC1, None]
        await stage.engine.close()

    play(scene)


@pytest.mark.parametrize(("taken_over", "leaves"), [(False, "detach"), (True, "close")])
def test_a_start_that_fails_leaves_things_as_they_were(*, taken_over: bool, leaves: str) -> None:
    async def scene() -> None:
        stage = Stage(taken_over=taken_over)
        stage.plane.refusal = DataPlaneError("no room")
        with pytest.raises(DataPlaneError, match="no room"):
            await stage.engine.start()
        assert stage.plane.diary == ["attach", "apply", leaves]

    play(scene)


def test_there_is_no_snapshot_before_the_start() -> None:
    with pytest.raises(RuntimeError):
        _ = Stage().engine.snapshot


def test_closing_waits_for_the_apply_under_way() -> None:
    async def scene() -> None:
        stage = Stage()
        async with stage.running() as engine:
            stage.plane.free.clear()
            engine.tell(NeighbourLost(ONE))
            await until(lambda: stage.plane.diary.count("apply") == 2)
        assert stage.plane.diary == ["attach", "apply", "apply", "close"]
        assert len(stage.plane.applied) == 2

    play(scene)


# ---- facts become plans ----


def test_what_the_neighbours_say_is_applied() -> None:
    async def scene() -> None:
        stage = Stage()
        async with stage.running() as engine:
            stage.neighbours.changed(ONE, OTHER)
            await until(lambda: stage.macs() == [OTHER, MAC2])
            stage.neighbours.changed(ONE, None)
            await until(lambda: not stage.plane.plan.services[0].reals[0].up)
            await until(lambda: engine.snapshot.plan == stage.plane.plan)

    play(scene)


def test_a_fact_that_changes_nothing_is_not_applied() -> None:
    async def scene() -> None:
        stage = Stage()
        async with stage.running() as engine:
            engine.tell(NeighbourResolved(ONE, MAC1))
            engine.tell(ConfigLoaded(Config(Director("eth0"), (replace(WEB),))))
            engine.tell(NeighbourLost(TWO))
            await until(lambda: stage.plane.diary.count("apply") == 2)
            assert not stage.plane.plan.services[0].reals[1].up

    play(scene)


def test_a_new_configuration_is_watched_and_then_applied_with_its_macs() -> None:
    async def scene() -> None:
        stage = Stage(Config(Director("eth0"), (replace(WEB, reals=(Real(ONE),)),)))
        async with stage.running() as engine:
            engine.tell(ConfigLoaded(CONFIG))
            await until(lambda: len(stage.plane.applied) == 2)
            assert stage.neighbours.watched == [frozenset({ONE}), frozenset({ONE, TWO})]
            assert stage.macs() == [MAC1, MAC2]

    play(scene)


def test_thousands_of_facts_during_one_apply_cost_one_more_and_the_loop_stays_free() -> None:
    async def scene() -> None:
        stage = Stage()
        async with stage.running() as engine:
            stage.plane.free.clear()
            engine.tell(NeighbourLost(ONE))
            await until(lambda: stage.plane.diary.count("apply") == 2)
            for number in range(2_000):
                engine.tell(NeighbourResolved(ONE, number.to_bytes(6, "big")))
            seen = engine.snapshot.reading
            assert engine.snapshot.plan == stage.plane.plan, "the snapshot shows what is carried out"
            assert await longest_pause(0.1) < 0.05
            assert engine.snapshot.reading is seen, "counters wait for the apply; whoever reads the snapshot does not"
            stage.plane.free.set()
            await until(lambda: stage.macs()[0] == (1_999).to_bytes(6, "big"))
            assert stage.plane.diary.count("apply") == 3

    play(scene)


async def longest_pause(seconds: float) -> float:
    """The longest time for which the event loop was busy with something else."""
    end, longest = time.perf_counter() + seconds, 0.0
    while (before := time.perf_counter()) < end:
        await asyncio.sleep(0)
        longest = max(longest, time.perf_counter() - before)
    return longest


# ---- health ----


def up(engine: Engine) -> list[bool]:
    return [real.up for real in engine.snapshot.plan.services[0].reals]


def test_a_start_waits_for_the_first_checks_but_not_for_ever() -> None:
    async def scene() -> None:
        stage = Stage(CHECKED)
        del stage.checks.found[TWO]
        await stage.engine.start()
        assert stage.checks.watched == [CHECKED]
        assert len(stage.plane.applied) == 1
        assert up(stage.engine) == [True, False]
        await stage.engine.close()

    play(scene)


def test_what_the_checks_say_is_applied() -> None:
    async def scene() -> None:
        stage = Stage(CHECKED)
        async with stage.running() as engine:
            assert up(engine) == [True, True]
            for _ in range(3):
                engine.tell(Checked("web", ONE, BAD))
            await until(lambda: up(engine) == [False, True])
            for _ in range(2):
                engine.tell(Checked("web", ONE, GOOD))
            await until(lambda: up(engine) == [True, True])

    play(scene)


def test_results_are_gathered_and_those_that_change_nothing_cost_no_plan() -> None:
    async def scene() -> None:
        stage = Stage(CHECKED)
        async with stage.running() as engine:
            for _ in range(1_000):
                engine.tell(Checked("web", ONE, GOOD))
            world = engine.snapshot.world
            await until(lambda: engine.snapshot.world is not world)
            assert stage.plane.diary == ["attach", "apply"]

    play(scene)


def test_a_restart_goes_on_with_what_was_known_and_checks_begin_beside_it() -> None:
    async def scene() -> None:
        first = Stage(CHECKED)
        async with first.running() as engine:
            for _ in range(3):
                engine.tell(Checked("web", ONE, BAD))
            await until(lambda: up(engine) == [False, True])
            memory = memory_of(engine.snapshot.world)
        second = Stage(CHECKED, taken_over=True, memory=memory)
        second.checks.found = {}
        async with second.running() as engine:
            assert [[real.up for real in plan.services[0].reals] for plan in second.plane.applied] == [[False, True]]
            await until(lambda: second.checks.watched == [CHECKED])

    play(scene)


def test_a_memory_counts_for_nothing_where_nothing_was_running() -> None:
    async def scene() -> None:
        stage = Stage(CHECKED, memory=Memory(health={"web": {ONE: inherited(0.0, up=False)}}))
        await stage.engine.start()
        assert up(stage.engine) == [True, True], "the checks have said so"
        await stage.engine.close()

    play(scene)


def test_checks_are_made_anew_for_another_configuration_and_when_the_nic_has_changed() -> None:
    async def scene() -> None:
        stage = Stage(CHECKED)
        async with stage.running() as engine:
            engine.tell(ConfigLoaded(CONFIG))
            await until(lambda: stage.checks.watched == [CHECKED, CONFIG])
            engine.tell(InterfaceChanged(up=True, mac=OWN))
            await until(lambda: stage.checks.watched == [CHECKED, CONFIG, CONFIG])

    play(scene)


def test_checks_that_cannot_be_made_hold_up_nothing_else_and_are_tried_again() -> None:
    async def scene() -> None:
        stage = Stage()
        stage.checks.broken = NetError("no rules here")
        async with stage.running() as engine:
            await until(lambda: engine.snapshot.troubles == ("some health checks cannot be made: no rules here",))
            engine.tell(NeighbourLost(ONE))
            await until(lambda: up(engine) == [False, True])
            stage.checks.broken = None
            await until(lambda: not engine.snapshot.troubles)

    play(scene)


def test_a_fact_can_be_waited_for() -> None:
    async def scene() -> None:
        stage = Stage()
        async with stage.running() as engine:
            await engine.tell_through(Overridden("web", ONE, Override(0, "root", 0.0)))
            assert stage.plane.plan.services[0].reals[0].weight == 0
            assert engine.snapshot.plan is stage.plane.plan
            stage.plane.refusal = DataPlaneError("no")
            await engine.tell_through(Overridden("web", ONE, None))
            assert engine.snapshot.troubles

    play(scene)


def test_a_drain_ends_by_itself_when_its_time_has_come() -> None:
    async def scene() -> None:
        stage = Stage()
        async with stage.running() as engine:
            now = time.monotonic()
            engine.tell(Overridden("web", ONE, Override(0, "root", now, deadline=now + 0.1)))
            await until(lambda: engine.snapshot.plan.services[0].reals[0].weight == 0)
            assert up(engine) == [True, True]
            await until(lambda: up(engine) == [False, True])

    play(scene)


def test_a_real_server_that_leaves_is_gone_when_its_flows_are() -> None:
    async def scene() -> None:
        stage = Stage()
        async with stage.running() as engine:
            stage.plane.busy = True
            engine.tell(ConfigLoaded(Config(Director("eth0"), (replace(WEB, reals=(Real(TWO),)),))))
            await until(lambda: [real.weight for real in engine.snapshot.plan.services[0].reals] == [1, 0])
            read = engine.snapshot.reading
            await until(lambda: engine.snapshot.reading is not read)
            assert engine.snapshot.world.leaving
            stage.plane.busy = False
            await until(lambda: len(engine.snapshot.plan.services[0].reals) == 1)

    play(scene)


def test_those_who_listen_are_told_what_happens() -> None:
    async def scene() -> None:
        stage = Stage()
        heard: list[News] = []
        async with stage.running() as engine:
            engine.listen(heard.extend)
            engine.tell(NeighbourLost(ONE))
            await until(lambda: [item.event for item in heard] == ["neighbour lost"])

    play(scene)


# ---- changes ----


LESS = Config(Director("eth0"), (replace(WEB, reals=(Real(ONE), Real(ip_address("192.168.76.33")))),))


def test_a_change_is_answered_when_it_is_carried_out() -> None:
    async def scene() -> None:
        stage = Stage()
        async with stage.running() as engine:
            await engine.change(LESS)
            assert [real.address for real in stage.plane.plan.services[0].reals][:2] == [
                real.address for real in LESS.services[0].reals
            ]
            await engine.change(LESS)

    play(scene)


def test_a_change_that_fails_leaves_everything_as_if_it_had_not_been_tried() -> None:
    async def scene() -> None:
        stage = Stage(CHECKED)
        async with stage.running() as engine:
            engine.tell(Overridden("web", TWO, Override(7, "root", 0.0)))
            await until(lambda: engine.snapshot.plan.services[0].reals[1].weight == 7)
            before, plan = engine.snapshot.world, engine.snapshot.plan
            stage.plane.refusal = DataPlaneError("the members are full")
            with pytest.raises(DataPlaneError, match="the members are full"):
                await engine.change(LESS)
            stage.plane.refusal = None
            await until(lambda: stage.neighbours.watched[-1] == before.watched)
            assert engine.snapshot.world.basis == before.basis
            assert engine.snapshot.plan is plan
            assert engine.snapshot.troubles == ()

    play(scene)


def test_what_is_heard_while_a_change_fails_is_not_lost() -> None:
    async def scene() -> None:
        stage = Stage()
        async with stage.running() as engine:
            stage.plane.refusal = DataPlaneError("no")
            changing = asyncio.create_task(engine.change(LESS))
            await until(lambda: len(stage.neighbours.watched) == 2)
            del stage.neighbours.table[ONE]
            stage.neighbours.changed(ONE, None)
            with pytest.raises(DataPlaneError):
                await changing
            stage.plane.refusal = None
            await until(lambda: up(engine) == [False, True])

    play(scene)


def test_a_change_that_meets_a_defect_fails_like_any_other() -> None:
    async def scene() -> None:
        stage = Stage()
        async with stage.running() as engine:
            stage.plane.refusal = ZeroDivisionError("division by zero")
            with pytest.raises(DataPlaneError, match="division by zero"):
                await engine.change(LESS)
            stage.plane.refusal = None
            await engine.change(LESS)

    play(scene)


@pytest.mark.parametrize("asked", ["a change", "a fact", "a sign of life"])
def test_what_is_asked_while_neighbours_are_waited_for_is_not_forgotten(asked: str) -> None:
    async def scene() -> None:
        stage = Stage()
        async with stage.running() as engine:
            stage.neighbours.free.clear()
            engine.tell(ConfigLoaded(LESS))
            await until(lambda: engine.world.config == LESS)
            what = {
                "a change": lambda: engine.change(CONFIG),
                "a fact": lambda: engine.tell_through(Overridden("web", ONE, None)),
                "a sign of life": engine.prove_alive,
            }
            asking = asyncio.create_task(what[asked]())
            await until(lambda: asking.done() or engine._changes or engine._awaited)
            stage.neighbours.free.set()
            async with asyncio.timeout(5):
                await asking

    play(scene)


def test_a_change_is_carried_out_though_whoever_asked_for_it_has_gone() -> None:
    async def scene() -> None:
        stage = Stage()
        async with stage.running() as engine:
            stage.plane.free.clear()
            changing = asyncio.create_task(engine.change(LESS))
            await until(lambda: stage.plane.diary.count("apply") == 2)
            changing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await changing
            stage.plane.free.set()
            await until(lambda: engine.snapshot.plan == stage.plane.plan)
            assert engine.snapshot.world.config == LESS
            await engine.change(CONFIG)

    play(scene)


# ---- what goes wrong ----


@pytest.mark.parametrize("defect", ["listener", "news"])
def test_a_defect_in_telling_news_keeps_nothing_from_happening(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a defect")

    async def scene() -> None:
        stage, heard = Stage(), list[News]()
        async with stage.running() as engine:
            if defect == "news":
                monkeypatch.setattr(telling, "news", broken)
            else:
                engine.listen(broken)
            engine.listen(heard.extend)
            engine.tell(NeighbourLost(ONE))
            await until(lambda: up(engine) == [False, True])
            assert bool(heard) is (defect == "listener"), "others hear what there is to hear"

    play(scene)


def test_a_refused_plan_leaves_the_earlier_one_is_named_and_tried_again() -> None:
    async def scene() -> None:
        stage = Stage()
        async with stage.running() as engine:
            earlier = engine.snapshot.plan
            stage.plane.refusal = DataPlaneError("the members are full")
            engine.tell(NeighbourLost(ONE))
            await until(lambda: engine.snapshot.troubles)
            assert engine.snapshot.troubles == (
                "the last apply failed, so the earlier plan stands: the members are full",
            )
            assert engine.snapshot.plan == earlier
            await until(lambda: stage.plane.diary.count("apply") >= 4)
            stage.plane.refusal = None
            await until(lambda: not engine.snapshot.troubles)
            assert engine.snapshot.plan == stage.plane.plan != earlier

    play(scene)


def test_a_refused_plan_is_tried_again_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duties, "RETRY_LAST", 60.0)

    async def scene() -> None:
        stage = Stage()
        async with stage.running() as engine:
            stage.plane.refusal = DataPlaneError("never")
            engine.tell(NeighbourLost(ONE))
            await until(lambda: engine.snapshot.troubles)
            await until(lambda: len(stage.plane.applied_at) == 6)
            pauses = [after - before for before, after in pairwise(stage.plane.applied_at[1:])]
            assert all(pause >= 0.01 * 2**number for number, pause in enumerate(pauses)), "10, 20, 40, 80 ms"

    play(scene)


def test_a_defect_in_a_plane_is_survived_like_a_refusal() -> None:
    async def scene() -> None:
        stage = Stage()
        async with stage.running() as engine:
            stage.plane.refusal = ZeroDivisionError("division by zero")
            engine.tell(NeighbourLost(ONE))
            await until(lambda: engine.snapshot.troubles)
            assert "ZeroDivisionError: division by zero" in engine.snapshot.troubles[0]
            stage.plane.refusal = None
            await until(lambda: not engine.snapshot.troubles)

    play(scene)


def test_a_fact_that_meets_a_defect_is_lost_alone() -> None:
    async def scene() -> None:
        stage = Stage()
        async with stage.running() as engine:
            engine.tell(NeighbourLost(ONE))
            engine.tell(cast("Fact", "no fact"))
            engine.tell(NeighbourLost(TWO))
            await until(lambda: [real.up for real in engine.snapshot.plan.services[0].reals] == [False, False])
            await until(lambda: engine.snapshot.troubles)
            assert "a defect lost a fact" in engine.snapshot.troubles[0]

    play(scene)


def test_neighbours_that_cannot_be_watched_hold_up_nothing_else() -> None:
    async def scene() -> None:
        stage = Stage()
        async with stage.running() as engine:
            stage.neighbours.broken = NetError("no netlink")
            engine.tell(ConfigLoaded(Config(Director("eth0"), (replace(WEB, reals=(Real(ONE),)), DNS))))
            await until(lambda: len(engine.snapshot.plan.services) == 2)
            assert engine.snapshot.troubles == ()
            engine.tell(ConfigLoaded(Config(Director("eth0"), (replace(WEB, reals=(Real(ip_address("10.1.1.1")),)),))))
            await until(lambda: engine.snapshot.troubles == ("the neighbours cannot be watched: no netlink",))
            assert len(engine.snapshot.plan.services) == 1
            stage.neighbours.broken = None
            await until(lambda: not engine.snapshot.troubles)

    play(scene)


def test_counters_that_cannot_be_read_are_a_trouble_while_it_lasts() -> None:
    async def scene() -> None:
        stage = Stage()
        async with stage.running() as engine:
            stage.plane.unreadable = DataPlaneError("gone")
            await until(lambda: engine.snapshot.troubles == ("the counters cannot be read: gone",))
            stage.plane.unreadable = None
            await until(lambda: not engine.snapshot.troubles)

    play(scene)


# ---- counters ----


def test_counters_are_read_again_and_again_with_the_time_between() -> None:
    async def scene() -> None:
        stage = Stage()
        async with stage.running() as engine:
            assert engine.snapshot.apart == 0.0
            stage.plane.sent[("web", ONE)] = 5
            await until(lambda: engine.snapshot.reading.reals[0].counter.packets == 5)
            assert engine.snapshot.earlier.reals[0].counter.packets == 0
            assert engine.snapshot.apart >= 0.01

    play(scene)


# ---- announcements ----


def test_vips_are_announced_when_they_are_held_a_few_times() -> None:
    async def scene() -> None:
        stage = Stage()
        async with stage.running() as engine:
            await until(lambda: stage.announcer.heard == [(VIP,)] * 3)
            engine.tell(ConfigLoaded(Config(Director("eth0"), (WEB, DNS))))
            await until(lambda: len(stage.announcer.heard) == 6)
            assert stage.announcer.heard[3:] == [(VIP2,)] * 3

    play(scene)


def test_a_nic_that_comes_back_announces_every_vip_again() -> None:
    async def scene() -> None:
        stage = Stage()
        async with stage.running() as engine:
            await until(lambda: len(stage.announcer.heard) == 3)
            engine.tell(InterfaceChanged(up=False, mac=OWN))
            engine.tell(NeighbourLost(ONE))
            await until(lambda: not engine.snapshot.plan.services[0].reals[0].up)
            engine.tell(InterfaceChanged(up=True, mac=OWN))
            await until(lambda: len(stage.announcer.heard) == 6)

    play(scene)


def test_a_vip_that_is_held_no_more_is_announced_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcing, "ANNOUNCE_AFTER", (0.0, 0.05))

    async def scene() -> None:
        stage = Stage()
        async with stage.running() as engine:
            await until(lambda: stage.announcer.heard == [(VIP,)])
            engine.tell(ConfigLoaded(Config(Director("eth0"), (DNS,))))
            await until(lambda: stage.announcer.heard.count((VIP2,)) == 2)
            assert stage.announcer.heard.count((VIP,)) == 1

    play(scene)


@pytest.mark.parametrize(
    ("on_misuse", "sign", "announced"),
    [
        (OnMisuse.ANNOUNCE, Sign.ANSWERED, [(VIP,)]),
        (OnMisuse.QUIESCE, Sign.ANNOUNCED, [(VIP,)]),
        (OnMisuse.ANNOUNCE, Sign.SENT, []),
        (OnMisuse.REPORT, Sign.ANSWERED, []),
    ],
)
def test_a_vip_that_another_claims_is_announced_again_at_once(
    on_misuse: OnMisuse, sign: Sign, announced: list[tuple[Address, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announcing, "ANNOUNCE_AFTER", ())

    async def scene() -> None:
        stage = Stage(replace(CONFIG, director=Director("eth0", on_misuse=on_misuse)))
        async with stage.running() as engine:
            engine.tell(VipSighted(Sighting(VIP, MAC1, sign)))
            engine.tell(VipSighted(Sighting(VIP2, MAC1, sign)))  # a VIP that is not held
            await until(lambda: len(engine.snapshot.world.sightings) == 2)
            await until(lambda: stage.announcer.heard == announced)

    play(scene)


def test_an_announcement_that_cannot_be_sent_is_a_trouble() -> None:
    async def scene() -> None:
        stage = Stage()
        stage.announcer.broken = NetError("the NIC is down")
        async with stage.running() as engine:
            await until(lambda: engine.snapshot.troubles == ("the VIPs cannot be announced: the NIC is down",))

    play(scene)


def test_an_engine_that_goes_round_proves_that_it_lives_and_one_that_stands_still_does_not() -> None:
    async def scene() -> None:
        stage = Stage()
        async with stage.running() as engine:
            await engine.prove_alive()
            stage.plane.free.clear()  # from here on an apply does not come back
            engine.tell(ConfigLoaded(replace(CONFIG, services=(WEB, DNS))))
            await until(lambda: stage.plane.diary.count("apply") == 2)
            proof = asyncio.create_task(engine.prove_alive())
            await asyncio.wait((proof,), timeout=0.1)
            assert not proof.done()
            stage.plane.free.set()
            await proof

    play(scene)


# ---- the director's own NIC ----


@pytest.mark.parametrize("before", [OWN, None], ids=["another MAC", "a NIC that was gone"])
def test_a_nic_that_changes_is_attached_to_anew(before: bytes | None) -> None:
    async def scene() -> None:
        stage = Stage()
        stage.engine.tell(InterfaceChanged(up=True, mac=OWN))
        async with stage.running() as engine:
            engine.tell(InterfaceChanged(up=before is not None, mac=before))
            await until(lambda: engine.snapshot.world.mac == before)
            assert stage.plane.diary == ["attach", "apply"]
            engine.tell(InterfaceChanged(up=True, mac=OTHER))
            await until(lambda: stage.plane.diary == ["attach", "apply", "close", "attach", "apply"])

    play(scene)


def test_a_nic_that_cannot_be_attached_to_anew_is_tried_again() -> None:
    async def scene() -> None:
        stage = Stage()
        stage.engine.tell(InterfaceChanged(up=True, mac=OWN))
        async with stage.running() as engine:
            stage.plane.refusal = DataPlaneError("not yet")
            engine.tell(InterfaceChanged(up=True, mac=OTHER))
            await until(lambda: engine.snapshot.troubles)
            stage.plane.refusal = None
            await until(lambda: not engine.snapshot.troubles)
            assert engine.snapshot.world.mac == OTHER
            assert stage.plane.diary[-3:] == ["close", "attach", "apply"]
            assert len(stage.plane.applied) == 2

    play(scene)


def test_another_nic_with_the_same_mac_is_attached_to_anew() -> None:
    async def scene() -> None:
        stage = Stage()
        stage.engine.tell(InterfaceChanged(up=True, mac=OWN, index=7))
        async with stage.running() as engine:
            engine.tell(InterfaceChanged(up=True, mac=OWN, index=8))
            await until(lambda: stage.plane.diary == ["attach", "apply", "close", "attach", "apply"])

    play(scene)


# ---- somebody else's hand on the data plane ----


def test_what_somebody_else_disturbs_is_told_and_mended() -> None:
    async def scene() -> None:
        stage, heard = Stage(), list[str]()
        stage.engine.tell(InterfaceChanged(up=True, mac=OWN))
        stage.engine.listen(lambda news: heard.extend(one.event for one in news))
        stage.plane.unmendable = DataPlaneError("another XDP program is on eth0")
        async with stage.running() as engine:
            stage.plane.disturbed = "the program was taken off eth0 by somebody else"
            await until(lambda: heard == ["data plane disturbed"])
            await until(lambda: "another XDP program is on eth0" in " ".join(engine.snapshot.troubles))
            assert engine.snapshot.world.disturbed == "the program was taken off eth0 by somebody else"
            stage.plane.unmendable = None
            await until(lambda: heard == ["data plane disturbed", "data plane mended"])
            assert engine.snapshot.troubles == ()
            assert set(stage.plane.diary[2:]) == {"mend"}, "nothing is attached anew, and no plan applied"

    play(scene)


def test_without_its_nic_nobody_is_blamed() -> None:
    async def scene() -> None:
        stage = Stage()
        stage.engine.tell(InterfaceChanged(up=False, mac=None))
        async with stage.running() as engine:
            stage.plane.disturbed = "the program was taken off eth0 by somebody else"
            before = engine.snapshot.read_at
            await until(lambda: engine.snapshot.read_at > before)
            assert engine.snapshot.world.disturbed == ""
            assert "mend" not in stage.plane.diary

    play(scene)


# ---- endurance ----


def test_after_100_000_facts_and_1_000_configurations_it_is_as_fast_as_it_began() -> None:
    services = tuple(replace(WEB, name=f"web{number}", vip=VIP + number) for number in range(20))
    config = Config(Director("eth0"), services)

    async def scene() -> None:
        stage = Stage(config)
        async with stage.running() as engine:
            first, objects = await round_trip(stage), len(gc.get_objects())
            for number in range(100_000):
                engine.tell(NeighbourResolved(ONE, number.to_bytes(6, "big")))
            for number in range(1_000):
                real = Real(ip_address("10.0.0.0") + number)
                engine.tell(ConfigLoaded(Config(Director("eth0"), (replace(WEB, reals=(real,)),))))
                if number % 50 == 0:
                    await until(lambda: first_real(stage).address == real.address)  # noqa: B023 - waited for at once
            engine.tell(ConfigLoaded(config))
            await until(lambda: engine.snapshot.plan.services[-1].name == "web19")
            await until(lambda: len(engine.snapshot.world.neighbours) == 2)
            assert await round_trip(stage) < 3 * first + 0.01
            assert len(gc.get_objects()) < 1.2 * objects + 5_000

    play(scene)


def first_real(stage: Stage) -> RealPlan:
    return stage.engine.snapshot.plan.services[0].reals[0]


async def round_trip(stage: Stage) -> float:
    """Seconds from a fact to its plan, the best of ten."""
    gc.collect()
    return min([await one_round_trip(stage, bytes((2, 0, 0, 0, 1, number))) for number in range(10)])


async def one_round_trip(stage: Stage, mac: bytes) -> float:
    began = time.perf_counter()
    stage.engine.tell(NeighbourResolved(TWO, mac))
    await until(lambda: stage.engine.snapshot.plan.services[0].reals[1].mac == mac)
    return time.perf_counter() - began
