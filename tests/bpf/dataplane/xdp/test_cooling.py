"""Slots that changed, in the kernel: who is elsewhere stays there, who is not needs no entry any more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address

import pytest

from carom.core.plan import Plan, RealPlan, ServicePlan
from carom.core.slots import slot_number
from carom.dataplane.xdp import cooling
from carom.dataplane.xdp.cooling import Cooler
from carom.dataplane.xdp.layout import SLOT_HELD, SLOT_TRACKED, Bucket4, Bucket6, Moves, key, slot_now
from carom.model import Address, Ports, Protocol, Scheduler, SchedulerFlag
from tests.dataplane import frames
from tests.dataplane.planes import Xdp

BUCKETS, CLIENTS = 1 << 10, 60
LONGEST = 900
"""Seconds for which a flow may be silent."""
SCHEDULERS = {
    "mh": (Scheduler.MH, frozenset[SchedulerFlag]()),
    "mh by port": (Scheduler.MH, frozenset({SchedulerFlag.MH_PORT})),
    "sh": (Scheduler.SH, frozenset[SchedulerFlag]()),
    "sh by port": (Scheduler.SH, frozenset({SchedulerFlag.SH_PORT})),
    "dh": (Scheduler.DH, frozenset[SchedulerFlag]()),
}


@dataclass(slots=True)
class Town:
    """One hash service of three real servers, its clients, and the time."""

    xdp: Xdp
    scheduler: Scheduler
    flags: frozenset[SchedulerFlag]
    family: int
    now: int = 1000
    present: list[int] = field(default_factory=lambda: [1, 2, 3])
    cooler: Cooler = field(init=False)

    def __post_init__(self) -> None:
        self.cooler = Cooler(self.xdp.loaded, self.xdp.tables)
        self.apply()

    @property
    def vip(self) -> Address:
        return ip_address("198.51.100.1" if self.family == 4 else "2001:db8:66::1")

    def apply(self) -> None:
        self.xdp.at(self.now)
        net = "10.77.0." if self.family == 4 else "2001:db8:77::"
        reals = tuple(RealPlan(ip_address(f"{net}{n}"), 1, bytes((2, 0, 0, 0, 9, n))) for n in self.present)
        ports = (Ports(Protocol.TCP, 80, 80),)
        service = ServicePlan("web", self.vip, ports, self.scheduler, reals, scheduler_flags=self.flags)
        self.xdp.apply(Plan((service,)))

    def have(self, *present: int) -> None:
        self.present = list(present)
        self.apply()

    def send(self, client: int, flags: str) -> int:
        """Which real server gets it."""
        source, target = (f"192.0.2.{client}", str(self.vip))
        if self.family == 6:
            source, target = f"[2001:db8:1::{client}]", f"[{self.vip}]"
        end = self.xdp.send(frames.tcp(f"{source}:{4000 + client}", f"{target}:80", flags))
        assert end.reason == "forwarded"
        return end.frame[5]

    def open(self, client: int) -> int:
        home = self.send(client, "S")
        assert self.send(client, "A") == home
        return home

    def led(self, client: int) -> int:
        """Where its slot leads."""
        service = self.xdp.tables.published["web"].plan
        source = ip_address(f"192.0.2.{client}" if self.family == 4 else f"2001:db8:1::{client}")
        wish = ServicePlan("web", self.vip, (), self.scheduler, (), scheduler_flags=self.flags)
        word = service.slots[slot_number(wish, source, 4000 + client, len(service.slots))]
        return int(self.xdp.tables.reals.things[slot_now(word)][1]) & 0xFF

    def wait(self, seconds: int) -> None:
        self.now += seconds
        self.xdp.at(self.now)

    def cool(self) -> None:
        """As long as it takes, where it is time for it."""
        for _ in range(6):
            self.cooler.step({"web": self.vip})
            self.wait(1)

    def tracked(self) -> int:
        words = self.xdp.tables.slots_of(self.xdp.tables.published["web"])
        assert not any(word & SLOT_HELD for word in words)
        return sum(word >= SLOT_TRACKED for word in words)

    def entries(self) -> int:
        kind = Bucket4 if self.family == 4 else Bucket6
        buckets = (kind * BUCKETS).from_buffer_copy(self.xdp.loaded.maps[f"flows{self.family}"].memory())
        return sum(bool(flow.word & 0xFFFF) for bucket in buckets for flow in bucket.flows)

    def moves(self, change: Callable[[Moves], None]) -> None:
        moves = Moves.from_buffer_copy(self.xdp.loaded.maps["moves"].get(key(0)) or b"")
        change(moves)
        self.xdp.loaded.maps["moves"].set(key(0), bytes(moves))


@pytest.fixture(scope="module")
def xdp() -> Iterator[Xdp]:
    xdp = Xdp(flow_buckets=BUCKETS)
    yield xdp
    xdp.close()


@pytest.fixture
def town(xdp: Xdp) -> Iterator[Town]:
    yield from a_town(xdp, "mh", 4)


def a_town(xdp: Xdp, name: str, family: int) -> Iterator[Town]:
    xdp.reset()
    xdp.loaded.maps["moves"].set(key(0), bytes(Moves()))
    town = Town(xdp, *SCHEDULERS[name], family)
    yield town
    town.cooler.close()


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_who_is_elsewhere_stays_there_and_the_others_need_no_entry(xdp: Xdp, name: str, family: int) -> None:
    for town in a_town(xdp, name, family):
        homes = {client: town.send(client, "S") for client in range(1, CLIENTS)}
        assert town.entries() == 0
        town.wait(1)
        town.have(1, 2)
        newcomers = {client: town.open(client) for client in range(CLIENTS, 2 * CLIENTS)}
        for client, home in homes.items():
            assert town.send(client, "A") == home
        town.wait(1)
        town.have(1, 2, 3)
        tracked = town.tracked()
        assert tracked
        for _ in range(4):
            town.wait(LONGEST // 3)
            town.cool()
            for client, home in newcomers.items():
                assert town.send(client, "A") == home, "it never stopped"
        moved = [client for client, home in newcomers.items() if home != town.led(client)]
        assert (town.tracked() > 0) == bool(moved), "where they are, and nowhere else"
        assert town.tracked() < tracked
        town.wait(LONGEST + 1)
        town.cool()
        assert town.tracked() == 0, "all have ended"
        count = town.entries()
        again = {client: town.send(client, "S") for client in range(1, CLIENTS)}
        assert town.entries() == count, "nobody gets an entry"
        assert again == homes, "all is as it was at first"
        town.wait(1)
        town.have(1, 3)
        for client, home in again.items():
            assert town.send(client, "A") == home, "a second change breaks nothing either"


def test_it_waits_for_as_long_as_a_flow_may_be_silent(town: Town) -> None:
    home = {client: town.send(client, "S") for client in range(1, CLIENTS)}
    town.have(1, 2)
    tracked = town.tracked()
    town.wait(LONGEST - 6)
    town.cool()
    assert town.tracked() == tracked
    for client, real in home.items():
        assert town.send(client, "A") == real, "its last packet was not too long ago"
    town.wait(7)
    town.cool()
    assert 0 < town.tracked() < tracked, "those that lead elsewhere than these flows are"
    for client, real in home.items():
        assert town.send(client, "A") == real


@pytest.mark.parametrize("what", ["a flow found no room", "slots changed again"])
def test_from_then_on_it_waits_anew(town: Town, what: str) -> None:
    town.have(1, 2)
    town.wait(LONGEST - 10)
    if what == "slots changed again":
        town.have(1, 2, 3)
    else:
        town.moves(lambda moves: setattr(moves, "refused", town.now))
    tracked = town.tracked()
    town.wait(11)
    town.cool()
    assert town.tracked() == tracked
    town.wait(LONGEST)
    town.cool()
    assert town.tracked() == 0


def test_of_a_look_amid_which_flows_moved_nothing_follows(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cooling, "BUCKETS", BUCKETS // 4)
    town.have(1, 2)
    tracked = town.tracked()
    town.wait(LONGEST + 1)
    for _ in range(5):  # settled; two seconds later the look begins
        town.cooler.step({"web": town.vip})
        town.wait(1)
    town.moves(lambda moves: setattr(moves, "begun", moves.begun + 1))
    for _ in range(5):
        town.cooler.step({"web": town.vip})
    assert town.tracked() == tracked
    town.wait(60)
    for _ in range(8):
        town.cooler.step({"web": town.vip})
    assert town.tracked() == 0


def test_a_change_amid_a_look_ends_it(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cooling, "BUCKETS", BUCKETS // 4)
    town.have(1, 2)
    town.wait(LONGEST + 1)
    for _ in range(5):
        town.cooler.step({"web": town.vip})
        town.wait(1)
    town.have(1, 2, 3)
    tracked = town.tracked()
    for _ in range(8):
        town.cooler.step({"web": town.vip})
    assert town.tracked() == tracked > 0


def test_one_whose_slots_are_held_keeps_nobody_waiting(town: Town) -> None:
    """Both services have changed; a client of the first is elsewhere for as long as it talks."""

    def plan(*numbers: int) -> Plan:
        reals = tuple(RealPlan(ip_address(f"10.77.0.{n}"), 1, bytes((2, 0, 0, 0, 9, n))) for n in numbers)
        ports = {name: (Ports(Protocol.TCP, port, port),) for name, port in (("web", 80), ("mail", 25))}
        return Plan(tuple(ServicePlan(name, town.vip, ports[name], Scheduler.SH, reals) for name in ("web", "mail")))

    def tracked(name: str) -> int:
        return sum(word >= SLOT_TRACKED for word in town.xdp.tables.published[name].plan.slots)

    town.xdp.apply(plan(1, 2, 3))
    homes = {client: town.send(client, "S") for client in range(1, CLIENTS)}
    town.xdp.apply(plan(1, 2))
    for _ in range(4):
        for client, home in homes.items():
            assert town.send(client, "A") == home
        town.wait(LONGEST // 3)
    for client in homes:
        town.send(client, "A")
    for _ in range(20):
        town.cooler.step({"web": town.vip, "mail": town.vip})
        town.wait(1)
    assert tracked("web") > 0
    assert tracked("mail") == 0


def test_a_restart_goes_on_with_what_was_cooled(town: Town) -> None:
    home = {client: town.send(client, "S") for client in range(1, CLIENTS)}
    town.have(1, 2)
    for client, real in home.items():
        assert town.send(client, "A") == real
    town.wait(LONGEST + 1)
    for client in home:
        town.send(client, "A")
    town.cool()
    held = town.tracked()
    tables = type(town.xdp.tables)(town.xdp.loaded.maps, lambda: 1e9)
    plan = tables.published["web"].plan
    assert plan == town.xdp.tables.published["web"].plan
    assert sum(word >= SLOT_TRACKED for word in plan.slots) == held
