"""From one version of a service to the next: who keeps a place, which slots remember, where rr and wrr go on."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from carom.core.plan import RealPlan, ServicePlan
from carom.dataplane.xdp.layout import (
    CONTENDER_PLACE_BITS,
    SLOT_TRACKED,
    VERSION_CONTENDERS,
    VERSION_EQUAL,
    slot_before,
    slot_now,
)
from carom.dataplane.xdp.versions import VersionPlan, computed_again, next_version
from carom.model import Ports, Protocol, Scheduler

MAC = bytes(5) + b"\1"


def real(number: int, weight: int = 1, up: bool = True) -> RealPlan:
    return RealPlan(ip_address("10.0.0.0") + number, weight, MAC, up=up)


def service(scheduler: Scheduler, *reals: RealPlan) -> ServicePlan:
    return ServicePlan("web", ip_address("192.0.2.1"), (Ports(Protocol.TCP, 80, 80),), scheduler, reals)


def number(real: RealPlan) -> int:
    return int(real.address) & 0xFF


def after(before: VersionPlan | None, wish: ServicePlan, *, inherits: bool = False) -> VersionPlan:
    return next_version(wish, before, number, lambda real: real.weight or 1, inherits=inherits)


def test_members_stand_in_the_order_in_which_they_came() -> None:
    first = after(None, service(Scheduler.RR, real(1), real(2)))
    assert first.members == ((1, 1), (2, 1))
    assert after(first, service(Scheduler.RR, real(3), real(2), real(1))).members == ((1, 1), (2, 1), (3, 1))


def test_one_that_goes_leaves_its_place_empty_until_empty_places_are_the_greater_part() -> None:
    three = after(None, service(Scheduler.RR, real(1), real(2), real(3)))
    two = after(three, service(Scheduler.RR, real(1), real(3)))
    assert two.members == ((1, 1), (0, 0), (3, 1))
    assert after(two, service(Scheduler.RR, real(3))).members == ((3, 1),)


def test_one_that_is_down_keeps_its_place_and_weighs_nothing() -> None:
    assert after(None, service(Scheduler.WRR, real(1, 5, up=False), real(2, 3))).members == ((1, 0), (2, 3))


def contenders(scheduler: Scheduler, *reals: RealPlan) -> list[tuple[int, int]]:
    shift = 0 if scheduler in (Scheduler.OVF, Scheduler.TWOS) else CONTENDER_PLACE_BITS
    return [(id_, measure >> shift) for id_, measure in after(None, service(scheduler, *reals)).contenders]


def test_contenders_are_those_that_weigh_something_head_of_the_list_first() -> None:
    reals = real(1, 4), real(2, 0), real(3, 6), real(4, 5, up=False), real(5, 1)
    assert contenders(Scheduler.WLC, *reals) == [(5, 12), (3, 2), (1, 3)]
    assert contenders(Scheduler.LC, *reals) == [(5, 1), (3, 1), (1, 1)]
    assert contenders(Scheduler.TWOS, *reals) == [(5, 1), (3, 7), (1, 11)], "with the sums of their weights"


def test_where_the_heaviest_comes_first_contenders_stand_in_that_order_and_of_equals_as_in_the_list() -> None:
    reals = real(1, 4), real(2, 6), real(3, 6), real(4, 9, up=False), real(5, 1)
    assert contenders(Scheduler.OVF, *reals) == [(3, 6), (2, 6), (1, 4), (5, 1)]
    assert [id_ for id_, _ in contenders(Scheduler.FO, *reals)] == [3]


def test_where_nobody_weighs_anything_or_loads_are_not_compared_there_is_no_contender() -> None:
    assert after(None, service(Scheduler.WLC, real(1, 0), real(2, up=False))).contenders == ()
    assert after(None, service(Scheduler.LC)).contenders == ()
    assert after(None, service(Scheduler.WRR, real(1))).contenders == ()


def test_loads_are_compared_as_they_are_where_weights_are_the_same_or_no_matter() -> None:
    def is_equal(scheduler: Scheduler, *reals: RealPlan) -> bool:
        return bool(after(None, service(scheduler, *reals)).flags & VERSION_EQUAL)

    assert is_equal(Scheduler.WLC, real(1, 3), real(2, 3), real(3, 0), real(4, 2, up=False))
    assert is_equal(Scheduler.LC, real(1, 3), real(2, 4))
    assert not is_equal(Scheduler.WLC, real(1, 3), real(2, 4))
    assert not is_equal(Scheduler.SED, real(1), real(2)), "it asks for more than the load"


def test_what_comes_from_another_layout_has_the_contenders_of_this_one() -> None:
    plan = after(None, service(Scheduler.LC, real(1, 4), real(2, 6)))
    for flags in (0, VERSION_CONTENDERS, VERSION_EQUAL):
        theirs = replace(plan, flags=plan.flags & ~(VERSION_CONTENDERS | VERSION_EQUAL) | flags)
        assert computed_again(theirs) == plan


def test_an_mh_table_that_never_changed_tracks_nothing() -> None:
    first = after(None, service(Scheduler.MH, real(1), real(2)))
    assert not any(word & SLOT_TRACKED for word in first.slots)
    assert after(first, service(Scheduler.MH, real(1), real(2))) == first


def test_a_slot_that_changes_remembers_where_its_flows_are() -> None:
    first = after(None, service(Scheduler.MH, real(1), real(2)))
    second = after(first, service(Scheduler.MH, real(1), real(2), real(3)))
    moved = [(old, new) for old, new in zip(first.slots, second.slots, strict=True) if new & SLOT_TRACKED]
    assert moved
    assert all(slot_now(new) != slot_now(old) and slot_before(new) == slot_now(old) for old, new in moved)
    assert len(moved) < len(first.slots) / 2, "a third goes to the new one, and little else moves"


def test_a_slot_that_changes_twice_remembers_the_first() -> None:
    first = after(None, service(Scheduler.MH, real(1)))
    second = after(first, service(Scheduler.MH, real(2)))
    third = after(second, service(Scheduler.MH, real(3)))
    assert {(slot_now(word), slot_before(word)) for word in third.slots} == {(3, 1)}


def test_a_quiesced_real_server_keeps_its_slots_and_gets_nobody_new() -> None:
    first = after(None, service(Scheduler.MH, real(1), real(2)))
    second = after(first, service(Scheduler.MH, real(1), replace(real(2), weight=0)))
    assert {(slot_now(old), slot_now(new)) for old, new in zip(first.slots, second.slots, strict=True)} == {
        (1, 1),
        (2, 0),
    }


def test_when_all_go_the_slots_still_know_where_the_flows_are() -> None:
    first = after(None, service(Scheduler.MH, real(1)))
    second = after(first, service(Scheduler.MH, real(1, up=False)))
    assert {(slot_now(word), slot_before(word)) for word in second.slots} == {(0, 1)}


def test_from_a_counting_scheduler_to_mh_every_flow_is_looked_for() -> None:
    first = after(None, service(Scheduler.RR, real(1)))
    assert all(word & SLOT_TRACKED for word in after(first, service(Scheduler.MH, real(1))).slots)


def test_where_others_flows_come_every_flow_is_looked_for() -> None:
    wish = service(Scheduler.MH, real(1), real(2), real(3))
    begun = after(None, wish, inherits=True)
    assert all(word & SLOT_TRACKED and slot_before(word) == slot_now(word) for word in begun.slots)
    alone = after(None, wish)
    two = after(alone, service(Scheduler.MH, real(1), real(2)), inherits=True)
    assert all(word & SLOT_TRACKED for word in two.slots)
    assert [slot_before(word) for word in two.slots] == [slot_now(word) for word in alone.slots], "nobody has to go"
    assert after(two, service(Scheduler.MH, real(1), real(2)), inherits=True) == two
    assert (alone.has_entries, two.has_entries) == (False, True)


def test_the_way_out_of_a_counting_scheduler_has_those_that_weigh_something() -> None:
    version = after(None, service(Scheduler.WRR, real(1, 3), real(2, 0), real(3, up=False)))
    assert set(version.slots) == {1}
    assert version.tracks_all


def test_wrrs_levels() -> None:
    version = after(None, service(Scheduler.WRR, real(1, 8), real(2, 4)))
    assert (version.weight_gcd, version.weight_max) == (4, 5)
    assert [version.level_after_change(level) for level in (0, 9, 5, 3, 1)] == [5, 5, 5, 1, 1]
    assert after(None, service(Scheduler.WRR, real(1, 0))).weight_max == 0


def test_rr_goes_on_behind_the_same_server_when_empty_places_go() -> None:
    four = after(None, service(Scheduler.RR, *(real(n) for n in (1, 2, 3, 4))))
    left = after(four, service(Scheduler.RR, real(4)))
    assert left.members == ((4, 1),)
    assert left.position_after_change(four, 3) == 0  # 4 was chosen last, and is the only one
    assert left.position_after_change(four, 2) == 0  # 3 was; below it nobody is left


@given(st.lists(st.lists(st.integers(1, 9), unique=True), min_size=1, max_size=8))
def test_whatever_comes_and_goes_each_member_stands_once(changes: list[list[int]]) -> None:
    version: VersionPlan | None = None
    for numbers in changes:
        version = after(version, service(Scheduler.RR, *map(real, numbers)))
        present = [number for number, _ in version.members if number]
        assert sorted(present) == sorted(numbers)
        assert len(version.members) <= 2 * max(len(present), 1) or not present
