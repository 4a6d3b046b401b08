"""The world: facts go in, and what is known comes out."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Interface, IPv6Interface
from math import inf
from typing import cast

import pytest

from carom.core.planning import plan
from carom.core.world import LEAVE_WITHIN, Memory, begin, is_up, memory_of, reals_by_mac, recall, step, told
from carom.events import ConfigLoaded, Emptied, Fact, NeighbourLost, NeighbourResolved, Overridden, Override
from carom.model import Check, Config, Director, Ports, Protocol, Real
from tests.unit.core.stories import (
    CHECKED,
    CONFIG,
    FOUND,
    MAC1,
    MAC2,
    ONE,
    OWN,
    SORRY,
    TWO,
    WEB,
    after,
    at_work,
    broken,
    fallen,
    nic,
    unwell,
    well,
    with_service,
)

DRAIN = Override(0, "root", 11.0, deadline=60.0)


@pytest.mark.parametrize(
    "nothing_new",
    [
        [],
        [NeighbourResolved(ONE, MAC1)],
        [NeighbourLost(TWO)],
        [NeighbourResolved(SORRY, MAC2)],
        [nic("192.168.76.1/24")],
        [ConfigLoaded(CONFIG)],
        [ConfigLoaded(Config(Director("eth0"), (replace(WEB),)))],
    ],
    ids=["nothing", "same MAC", "lost before found", "not ours", "same NIC", "same file", "equal file"],
)
def test_facts_that_change_nothing_leave_the_very_same_world(nothing_new: list[Fact]) -> None:
    world = after(nic("192.168.76.1/24"), NeighbourResolved(ONE, MAC1))
    assert step(world, nothing_new, 9.0) is world


def test_a_batch_is_heard_in_its_order() -> None:
    lost_then_found: list[Fact] = [NeighbourResolved(ONE, MAC1), NeighbourLost(ONE), NeighbourResolved(ONE, MAC2)]
    one_by_one = begin(CONFIG)
    for fact in lost_then_found:
        one_by_one = step(one_by_one, [fact], 0.0)
    assert step(begin(CONFIG), lost_then_found, 0.0) == one_by_one


def test_an_alien_fact_is_refused_and_changes_nothing() -> None:
    world = after(NeighbourResolved(ONE, MAC1))
    before = replace(world)
    with pytest.raises(AssertionError):
        step(world, [NeighbourLost(ONE), cast("Fact", "no fact")], 1.0)
    assert world == before


def test_a_new_configuration_keeps_what_is_known_of_those_that_stay_and_forgets_the_others() -> None:
    dns = replace(WEB, name="dns", reals=(Real(TWO),), sorry=SORRY)
    world = step(after(*FOUND), [ConfigLoaded(Config(Director("eth0"), (dns,)))], 1.0)
    assert world.watched == {TWO, SORRY}
    assert set(world.neighbours) == {TWO}


def test_word_of_a_real_server_dropped_in_the_same_breath_is_dropped_too() -> None:
    world = after(ConfigLoaded(with_service(reals=(Real(TWO),))), NeighbourResolved(ONE, MAC1))
    assert world.neighbours == {}


def test_own_addresses_of_both_families_are_kept_as_told() -> None:
    told = nic("192.168.76.1/24", "fd00::1/64")
    world = after(told)
    assert world.nic == told
    assert [type(address) for address in told.addresses] == [IPv4Interface, IPv6Interface]
    assert world.mac == OWN


# ---- health ----


def test_nobody_is_up_before_the_first_check_and_one_success_is_enough() -> None:
    world = after(*FOUND, config=CHECKED)
    assert world.judgements["web"].up == (False, False)
    assert not told(world)
    world = step(world, [well(TWO), unwell(ONE)], 1.0)
    assert world.judgements["web"].up == (False, True)
    assert told(world)


def test_a_check_that_cannot_be_made_does_not_keep_the_director_from_its_work() -> None:
    world = after(*FOUND, broken(ONE), config=CHECKED)
    assert world.judgements["web"].up == (True, False)
    assert step(world, [broken(ONE)] * 9, 9.0).judgements["web"].up == (True, False)


def test_what_fails_while_our_own_nic_is_down_says_nothing_of_a_real_server() -> None:
    world = step(at_work(), [nic("192.168.76.1/24", up=False)], 20.0)
    assert step(world, [unwell(ONE)] * 3, 21.0) is world
    up_again = step(world, [nic("192.168.76.1/24")], 22.0)
    assert not is_up(fallen(up_again), "web", ONE)
    own = step(world, [nic(f"{ONE}/24", up=False)], 20.0)
    assert not is_up(fallen(own), "web", ONE), "one that is the director itself needs no NIC"


def test_results_that_change_no_weight_change_no_plan() -> None:
    world = at_work()
    later = step(world, [well(ONE), unwell(TWO), well(TWO)], 12.0)
    assert later is not world
    assert all(a is b for a, b in zip(later.basis, world.basis, strict=True))


def test_results_for_what_is_not_checked_are_dropped() -> None:
    world = after(*FOUND)
    strangers = [well(ONE), well(SORRY), well(ONE, service="dns")]
    assert step(world, strangers, 1.0) is world


def test_a_world_in_which_a_weight_climbs_says_when_it_changes() -> None:
    world = step(fallen(at_work(slow_start=20.0)), [well(ONE)] * 2, 100.0)
    assert world.again == 102.0
    assert step(world, [], 101.0) is world
    assert step(world, [], 102.0).judgements["web"].weights == (10, 200)
    assert step(world, [], 120.0).again == inf


def test_a_new_configuration_keeps_the_health_of_those_that_stay() -> None:
    world = fallen(at_work())
    world = step(world, [ConfigLoaded(with_service(CHECKED, reals=(Real(ONE, weight=5), Real(SORRY))))], 30.0)
    one, new, leaving = world.health["web"].values()
    assert (one.up, one.since) == (False, 20.0)
    assert (new.up, new.proven, new.climbs) == (False, False, True), "it joins a service at work"
    assert leaving.up


def test_a_service_by_another_name_goes_on_with_what_the_same_check_has_found() -> None:
    world = fallen(at_work())
    shop = with_service(CHECKED, name="shop", reals=(Real(ONE), Real(TWO, weight=5), Real(SORRY)))
    renamed = step(world, [ConfigLoaded(shop)], 30.0)
    known, (one, two, new) = world.health["web"], renamed.health["shop"].values()
    assert (one, two) == (known[ONE], known[TWO])
    assert renamed.judgements["shop"].up == (False, True, False)
    assert (new.proven, new.climbs) == (False, True), "it joins those that are at work"


@pytest.mark.parametrize(
    "other",
    [{"check": Check(every=9.0)}, {"check": Check(port=81)}, {"ports": (Ports(Protocol.TCP, 81, 81),)}, {"vip": SORRY}],
    ids=str,
)
def test_what_another_check_or_of_another_port_has_found_tells_nothing(other: dict[str, object]) -> None:
    world = step(at_work(), [ConfigLoaded(with_service(CHECKED, name="shop", **other))], 30.0)
    assert not told(world)
    assert world.judgements["shop"].up == (False, False)


def test_a_check_that_begins_finds_its_real_servers_up() -> None:
    world = step(after(*FOUND), [ConfigLoaded(CHECKED)], 1.0)
    assert world.judgements["web"].up == (True, True)


def test_a_check_that_ends_leaves_all_up() -> None:
    world = step(fallen(at_work()), [ConfigLoaded(CONFIG)], 30.0)
    assert world.health == {}
    assert world.judgements["web"].up == (True, True)


# ---- those that leave ----


def test_a_real_server_that_is_dropped_leaves_with_weight_0() -> None:
    world = step(at_work(), [ConfigLoaded(with_service(CHECKED, reals=(Real(TWO),)))], 30.0)
    assert world.leaving == {("web", ONE): 30.0 + LEAVE_WITHIN}
    assert world.services["web"].reals == (Real(TWO), Real(ONE, weight=0))
    assert world.watched == {ONE, TWO}
    assert world.judgements["web"].up == (True, True)


def test_one_that_is_down_has_nothing_to_wait_for() -> None:
    world = step(fallen(at_work()), [ConfigLoaded(with_service(CHECKED, reals=(Real(TWO),)))], 30.0)
    assert world.leaving == {}


@pytest.mark.parametrize(
    ("fact", "now"), [(Emptied(frozenset({("web", ONE), ("dns", TWO)})), 31.0), (None, 30.0 + LEAVE_WITHIN)]
)
def test_it_is_gone_when_its_flows_are_or_its_time_is(fact: Fact | None, now: float) -> None:
    world = step(at_work(), [ConfigLoaded(with_service(CHECKED, reals=(Real(TWO),)))], 30.0)
    world = step(world, [fact] if fact else [], now)
    assert set(world.health["web"]) == {TWO}
    assert world.leaving == {}
    assert world.watched == {TWO}
    assert world.services["web"].reals == (Real(TWO),)


def test_one_that_is_written_again_is_what_it_was() -> None:
    before = at_work()
    without = with_service(CHECKED, reals=(Real(TWO, weight=2),))
    world = step(step(before, [ConfigLoaded(without)], 30.0), [ConfigLoaded(before.config)], 31.0)
    assert world.leaving == {}
    assert (world.services, world.health, world.judgements) == (before.services, before.health, before.judgements)


def test_a_service_that_goes_takes_its_own_along() -> None:
    world = step(at_work(), [ConfigLoaded(with_service(CHECKED, reals=(Real(TWO),)))], 30.0)
    world = step(world, [ConfigLoaded(Config(Director("eth0")))], 31.0)
    assert (world.leaving, world.services, world.watched, world.again) == ({}, {}, frozenset(), inf)


# ---- operators ----


def test_an_override_stands_until_it_is_taken_back() -> None:
    world = step(at_work(), [Overridden("web", TWO, Override(9, "root", 11.0))], 11.0)
    assert world.services["web"].reals[1].weight == 9
    world = step(world, [ConfigLoaded(with_service(CHECKED, minimum=2))], 12.0)
    assert world.services["web"].reals[1].weight == 9
    assert step(world, [Overridden("web", TWO, None)], 13.0).services["web"].reals == WEB.reals


def test_a_drain_has_a_deadline() -> None:
    world = step(at_work(), [Overridden("web", TWO, DRAIN)], 11.0)
    assert (world.again, world.ended) == (60.0, frozenset())
    world = step(world, [], 60.0)
    assert world.again == inf
    assert world.ended == {("web", TWO)}
    world = step(world, [Overridden("web", TWO, None)], 61.0)
    assert (world.ended, world.overrides) == (frozenset(), {})


def test_one_that_a_drain_has_shut_down_begins_anew_when_it_is_written_again() -> None:
    world = step(step(at_work(), [Overridden("web", TWO, DRAIN)], 11.0), [], 60.0)
    world = step(world, [ConfigLoaded(with_service(CHECKED, reals=WEB.reals[:1]))], 61.0)
    assert ("web", TWO) in world.leaving
    assert world.ended == {("web", TWO)}, "what was cut off is not let in again to leave"
    world = step(world, [ConfigLoaded(CHECKED)], 62.0)
    assert (world.ended, world.overrides, world.leaving) == (frozenset(), {}, {})
    assert plan(world).services[0].reals[1].up


def test_an_override_of_what_is_not_written_is_dropped() -> None:
    world = at_work()
    assert step(world, [Overridden("web", SORRY, DRAIN), Overridden("dns", ONE, DRAIN)], 11.0) is world
    world = step(world, [Overridden("web", TWO, DRAIN)], 11.0)
    world = step(world, [ConfigLoaded(with_service(CHECKED, reals=(Real(ONE),)))], 12.0)
    assert world.overrides == {}


def test_overrides_are_there_from_the_beginning() -> None:
    world = begin(CONFIG, 5.0, {("web", TWO): DRAIN})
    assert world.services["web"].reals[1].weight == 0


# ---- a restart ----


def test_a_restart_remembers_who_was_down_and_takes_the_rest_for_up() -> None:
    before = fallen(at_work(slow_start=20.0))
    after_restart = recall(begin(before.config, 30.0), memory_of(before), 30.0)
    assert after_restart.judgements["web"].up == (False, True)
    assert after_restart.health["web"][ONE].diagnosis == before.health["web"][ONE].diagnosis
    assert after_restart.health["web"][ONE].since == 20.0
    assert told(after_restart)


def test_what_is_simply_well_need_not_be_remembered() -> None:
    assert memory_of(at_work()).health == {}


def test_a_restart_goes_on_with_those_that_leave() -> None:
    before = step(at_work(), [ConfigLoaded(with_service(CHECKED, reals=(Real(TWO),)))], 30.0)
    memory = memory_of(before)
    assert recall(begin(before.config, 31.0), memory, 31.0).services == before.services
    assert recall(begin(CHECKED, 31.0), memory, 31.0).leaving == {}, "written again"


def test_without_a_memory_everybody_was_up() -> None:
    assert recall(begin(CHECKED, 1.0), Memory(), 1.0).judgements["web"].up == (True, True)


def test_each_of_two_nics_is_known_by_itself() -> None:
    inside = replace(nic(mac=MAC1), inside=True)
    world = after(nic(), inside, config=Config(Director("eth0", inside="eth1"), (WEB,)))
    assert (world.mac, world.inside_mac, world.towards_reals) == (OWN, MAC1, inside)
    assert step(world, [replace(nic(mac=MAC1), inside=True)], 1.0) is world
    assert step(world, [replace(nic(mac=MAC2), inside=True)], 1.0).basis != world.basis


def test_of_one_nic_there_is_no_inside() -> None:
    world = after(nic())
    assert (world.inside_mac, world.towards_reals) == (None, world.nic)


def test_a_peer_is_no_real_server() -> None:
    world = after(*FOUND, NeighbourResolved(SORRY, OWN), config=Config(Director("eth0", peers=(SORRY,)), (WEB,)))
    assert reals_by_mac(world) == {MAC1: (ONE,), MAC2: (TWO,)}


def test_the_vlans_of_real_servers_are_the_same_until_one_changes() -> None:
    world = after(config=with_service(reals=(Real(ONE, vlan=20), Real(TWO, vlan=0))))
    assert world.vlans == {ONE: 20}
    heavier = step(world, [ConfigLoaded(with_service(reals=(Real(ONE, weight=3, vlan=20), Real(TWO, vlan=0))))], 1.0)
    assert heavier.vlans is world.vlans
    assert step(world, [ConfigLoaded(with_service(reals=(Real(ONE), Real(TWO))))], 1.0).vlans == {}
