"""Counting: looks at the counters, one after the other."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from carom.core.planning import plan
from carom.core.world import World, begin
from carom.counting import HANDSHAKES_OVER, Counting
from carom.dataplane.fake.plane import FakeDataPlane
from carom.model import Config, Director, Ports, Protocol, Real, Service
from carom.ports import Attachment, Counter, Reading, RealReading
from carom.snapshot import Snapshot

VIP, ONE, TWO = (ip_address(f"192.168.76.{host}") for host in (24, 31, 32))
WEB = Service("web", VIP, (Ports(Protocol.TCP, 80, 80),), (Real(ONE), Real(TWO)), check=None)
WORLD = begin(Config(Director("eth0"), (WEB,)))
NOTHING = Reading()


class Plane(FakeDataPlane):
    """Has counted as many new flows for each real server as is said; `busy` have some."""

    def __init__(self) -> None:
        super().__init__(bytes(6), "eth0")
        self.scheduled = 0
        self.busy = frozenset({ONE})

    def read(self) -> Reading:
        active = {address: int(address in self.busy) for address in (ONE, TWO)}
        return Reading(
            tuple(RealReading("web", one, Counter(), self.scheduled, active[one], inactive=0) for one in active)
        )


class Stage:
    """A director that is looked at now and then."""

    def __init__(self) -> None:
        self.now = 100.0
        self.plane = Plane()
        self.counting = Counting(lambda: self.now)
        attachment = Attachment("fake", "eth0", "", taken_over=False)
        self.snapshot = Snapshot(WORLD, plan(WORLD), attachment, NOTHING, NOTHING, 0.0, 0.0, ())

    def look(self, after: float, new_flows: int) -> Snapshot:
        self.now += after
        self.plane.scheduled = new_flows
        self.snapshot = self.counting.shown(self.snapshot, self.counting.look(self.plane, WORLD))
        return self.snapshot

    def emptied(self, world: World) -> frozenset[tuple[str, object]]:
        return self.counting.look(self.plane, world).emptied


def flows(reading: Reading) -> list[int]:
    return [real.new_flows for real in reading.reals]


def test_the_first_look_has_nothing_to_be_compared_with() -> None:
    seen = Stage().look(0.0, 7)
    assert (flows(seen.reading), flows(seen.earlier), seen.apart) == ([7, 7], [7, 7], 0.0)
    assert (seen.read_at, seen.now, seen.past_at) == (100.0, 100.0, 100.0)


def test_each_further_look_stands_beside_the_one_before_with_the_time_between() -> None:
    stage = Stage()
    stage.look(0.0, 7)
    stage.look(1.5, 10)
    seen = stage.look(2.5, 12)
    assert (flows(seen.reading), flows(seen.earlier), seen.apart) == ([12, 12], [10, 10], 2.5)
    assert seen.read_at == 104.0


def test_the_past_is_half_a_minute_to_a_minute_ago() -> None:
    stage = Stage()
    ages = []
    for second in range(200):
        seen = stage.look(1.0, second)
        ages.append(seen.read_at - seen.past_at)
        assert flows(seen.past)[0] == second - ages[-1]
    assert ages[:60] == list(range(60))
    assert {HANDSHAKES_OVER, 2 * HANDSHAKES_OVER - 1} == {min(ages[60:]), max(ages[60:])}


def test_who_leaves_and_has_no_flows_is_found() -> None:
    stage = Stage()
    assert stage.emptied(WORLD) == frozenset()
    leaving = replace(WORLD, leaving={("web", ONE): 1.0, ("web", TWO): 1.0, ("dns", TWO): 1.0})
    assert stage.emptied(leaving) == {("web", TWO)}
    stage.plane.busy = frozenset()
    assert stage.emptied(leaving) == {("web", ONE), ("web", TWO)}
