"""From a world to its plan."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from carom.core.plan import Plan, RealPlan
from carom.core.planning import Planned, plan
from carom.core.world import World, begin, step
from carom.events import Fact, NeighbourLost, NeighbourResolved, Overridden, Override
from carom.model import Config, Director, OnDown, OnMisuse, Real, Scheduler, SchedulerFlag
from carom.sighting import Sighting, Sign, VipSighted, VipSightingEnded
from tests.unit.core.stories import (
    CONFIG,
    FOUND,
    HTTP,
    MAC1,
    MAC2,
    ONE,
    OWN,
    SORRY,
    TWO,
    VIP,
    WEB,
    after,
    at_work,
    fallen,
    nic,
    well,
    with_service,
)


def reals(world: World) -> tuple[RealPlan, ...]:
    return plan(world).services[0].reals


def test_a_service_is_planned_whole() -> None:
    config = with_service(
        scheduler=Scheduler.MH,
        scheduler_flags=frozenset({SchedulerFlag.MH_PORT}),
        on_down=OnDown.MOVE,
        persistence=0.5,
        persistence_mask=24,
        reals=(Real(ONE, weight=3, upper=10, lower=5),),
    )
    [service] = plan(after(NeighbourResolved(ONE, MAC1), config=config)).services
    assert service.name == "web"
    assert service.vip == VIP
    assert service.ports == HTTP
    assert service.scheduler is Scheduler.MH
    assert service.scheduler_flags == {SchedulerFlag.MH_PORT}
    assert service.on_down is OnDown.MOVE
    assert service.persistence == 1, "half a second of persistence is not none"
    assert service.persistence_mask == 24
    assert service.sorry is None
    assert service.reals == (RealPlan(ONE, weight=3, mac=MAC1, up=True, upper=10, lower=5),)


@pytest.mark.parametrize(("vip", "mask"), [("192.168.76.24", 32), ("fd00::24", 128)])
def test_without_a_mask_every_client_is_its_own(vip: str, mask: int) -> None:
    assert plan(begin(with_service(vip=ip_address(vip)))).services[0].persistence_mask == mask


def test_a_real_server_is_schedulable_once_its_mac_is_known() -> None:
    world = begin(CONFIG)
    assert [real.schedulable for real in reals(world)] == [False, False]
    world = step(world, [NeighbourResolved(TWO, MAC2)], 1.0)
    assert [real.schedulable for real in reals(world)] == [False, True]


def test_a_real_server_that_answers_no_more_is_down_and_keeps_its_last_mac_for_its_flows() -> None:
    one, _ = reals(after(NeighbourResolved(ONE, MAC1), NeighbourLost(ONE)))
    assert (one.mac, one.up, one.schedulable) == (MAC1, False, False)


def test_a_real_server_that_answers_again_is_up_from_the_mac_it_answers_from() -> None:
    one, _ = reals(after(NeighbourResolved(ONE, MAC1), NeighbourLost(ONE), NeighbourResolved(ONE, MAC2)))
    assert (one.mac, one.up) == (MAC2, True)


def test_a_mac_that_moves_is_followed() -> None:
    one, _ = reals(after(NeighbourResolved(ONE, MAC1), NeighbourResolved(ONE, MAC2)))
    assert one.mac == MAC2


@pytest.mark.parametrize(
    ("minimum", "found", "serves"),
    [
        (1, [], True),
        (1, [NeighbourResolved(ONE, MAC1)], False),
        (2, [NeighbourResolved(ONE, MAC1)], True),
        (2, [NeighbourResolved(ONE, MAC1), NeighbourResolved(TWO, MAC2)], False),
    ],
)
def test_the_sorry_server_serves_while_too_few_are_up(minimum: int, found: list[Fact], *, serves: bool) -> None:
    world = after(NeighbourResolved(SORRY, OWN), *found, config=with_service(sorry=SORRY, minimum=minimum))
    sorry = plan(world).services[0].sorry
    assert sorry == (RealPlan(SORRY, weight=1, mac=OWN) if serves else None)


def test_quiesced_real_servers_are_not_enough() -> None:
    config = with_service(sorry=SORRY, reals=(Real(ONE, weight=0),))
    assert plan(after(NeighbourResolved(ONE, MAC1), config=config)).services[0].sorry is not None


def test_a_director_without_services_does_nothing() -> None:
    assert plan(after(config=Config(Director("eth0")))) == Plan()


# ---- health ----


def test_a_real_server_that_fails_its_checks_is_out_and_its_mac_stays_for_its_flows() -> None:
    one, two = reals(fallen(at_work()))
    assert (one.up, one.mac, two.up) == (False, MAC1, True)


def test_a_slow_start_is_planned_step_by_step() -> None:
    world = step(fallen(at_work(slow_start=20.0)), [well(ONE)] * 2, 100.0)
    assert [real.weight for real in reals(world)] == [5, 200]
    assert [real.weight for real in reals(step(world, [], 110.0))] == [50, 200]
    assert [real.weight for real in reals(step(world, [], 120.0))] == [1, 2]


def test_the_sorry_server_stands_in_when_checks_leave_too_few() -> None:
    world = step(at_work(sorry=SORRY, minimum=2), [NeighbourResolved(SORRY, OWN)], 11.0)
    assert plan(world).services[0].sorry is None
    assert plan(fallen(world)).services[0].sorry == RealPlan(SORRY, 1, OWN)


def test_when_all_fail_open_all_are_used_that_can_be_sent_to() -> None:
    world = fallen(fallen(at_work(fail_open=True)), TWO)
    assert [real.schedulable for real in reals(world)] == [True, True]
    assert [real.schedulable for real in reals(step(world, [NeighbourLost(ONE)], 30.0))] == [False, True]


# ---- what operators say ----


def test_an_override_takes_the_place_of_the_weight() -> None:
    world = step(at_work(), [Overridden("web", TWO, Override(7, "root", 11.0))], 11.0)
    assert [real.weight for real in reals(world)] == [1, 7]


def test_a_drain_whose_deadline_is_over_counts_as_down() -> None:
    world = step(at_work(), [Overridden("web", TWO, Override(0, "root", 11.0, deadline=60.0))], 11.0)
    assert [(real.weight, real.up) for real in reals(world)] == [(1, True), (0, True)]
    assert [(real.weight, real.up) for real in reals(step(world, [], 60.0))] == [(1, True), (0, False)]


# ---- who misuses a VIP ----

LEAK = VipSighted(Sighting(VIP, MAC1, Sign.ANSWERED))


def quiescing(on_misuse: OnMisuse) -> Config:
    return replace(CONFIG, director=Director("eth0", on_misuse=on_misuse))


@pytest.mark.parametrize(("on_misuse", "weight"), [(OnMisuse.REPORT, 1), (OnMisuse.ANNOUNCE, 1), (OnMisuse.QUIESCE, 0)])
def test_who_leaks_a_vip_gets_no_new_connections_where_that_is_wished(on_misuse: OnMisuse, weight: int) -> None:
    world = after(*FOUND, LEAK, config=quiescing(on_misuse))
    assert [(real.weight, real.up) for real in reals(world)] == [(weight, True), (2, True)]
    earlier = Planned(after(*FOUND, config=world.config), plan(after(*FOUND, config=world.config)))
    assert plan(world, earlier) == plan(world)


def test_when_it_is_over_it_gets_them_again() -> None:
    world = after(*FOUND, LEAK, config=quiescing(OnMisuse.QUIESCE))
    mended = step(world, [VipSightingEnded(LEAK.sighting)], 60.0)
    assert [real.weight for real in reals(mended)] == [1, 2]
    assert plan(mended, Planned(world, plan(world))) == plan(mended)


def test_where_all_leak_somebody_has_to_serve() -> None:
    leaks = (LEAK, VipSighted(Sighting(VIP, MAC2, Sign.ANSWERED)))
    assert [real.weight for real in reals(after(*FOUND, *leaks, config=quiescing(OnMisuse.QUIESCE)))] == [1, 2]


# ---- what has not changed ----


def test_of_two_services_only_the_one_that_changed_is_planned_anew() -> None:
    dns = replace(WEB, name="dns", vip=ip_address("192.168.76.25"), reals=(Real(TWO),))
    before = after(*FOUND, config=Config(Director("eth0"), (WEB, dns)))
    earlier = Planned(before, plan(before))
    world = step(before, [NeighbourLost(ONE)], 5.0)
    later = plan(world, earlier)
    assert later == plan(world)
    assert later.services[0] != earlier.plan.services[0]
    assert later.services[1] is earlier.plan.services[1]


@pytest.mark.parametrize("fact", [NeighbourLost(ONE), NeighbourResolved(TWO, MAC1), NeighbourResolved(SORRY, OWN)])
def test_a_plan_grown_from_an_earlier_one_is_the_same_as_one_made_anew(fact: Fact) -> None:
    before = after(*FOUND, config=with_service(sorry=SORRY))
    world = step(before, [fact], 5.0)
    assert plan(world, Planned(before, plan(before))) == plan(world)


def test_a_real_server_that_is_the_director_needs_no_mac() -> None:
    world = after(nic(f"{ONE}/24"), NeighbourResolved(TWO, MAC2))
    assert ONE not in world.watched
    first, second = reals(world)
    assert (first.local, first.mac, first.schedulable) == (True, None, True)
    assert (second.local, second.mac) == (False, MAC2)


def test_addresses_that_come_and_go_make_a_new_plan() -> None:
    world = after(nic("192.168.76.1/24"), *FOUND)
    before = Planned(world, plan(world))
    moved = step(world, [nic(f"{ONE}/24")], 1.0)
    assert moved.basis != world.basis
    assert [real.local for real in plan(moved, before).services[0].reals] == [True, False]
    back = step(moved, [nic("192.168.76.1/24")], 2.0)
    assert ONE in back.watched


def test_the_macs_of_peers_are_planned_as_they_become_known() -> None:
    peered = replace(CONFIG, director=Director("eth0", peers=(SORRY,)))
    world = after(*FOUND, config=peered)
    assert SORRY in world.watched
    assert plan(world).peers == frozenset()
    assert plan(step(world, [NeighbourResolved(SORRY, OWN)], 1.0)).peers == {OWN}
