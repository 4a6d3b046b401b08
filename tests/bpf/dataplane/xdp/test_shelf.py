"""Versions laid aside, copied, held over restarts and given back."""

from __future__ import annotations

import struct
from dataclasses import replace
from ipaddress import ip_address

import pytest

from carom.dataplane.xdp.layout import key
from carom.dataplane.xdp.program import Loaded
from carom.dataplane.xdp.tables import Tables
from carom.errors import DataPlaneError
from carom.model import Ports, Protocol, Scheduler
from tests.bpf.dataplane.xdp.mapped import number_of
from tests.dataplane import plans
from tests.dataplane.plans import REALS

A, B, C = REALS


class Ticking:
    """Every look is a minute later."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 60
        return self.now


def test_the_slots_of_a_hash_that_was_left_are_kept_over_restarts_and_given_back_at_last(loaded: Loaded) -> None:
    clock = Ticking()
    tables = Tables(loaded.maps, clock)
    for number in range(20):
        tables.apply(plans.plan(plans.service(Scheduler.MH)))
        hashed = tables._published["web"]
        tables.apply(plans.plan(plans.service(Scheduler.WLC)))
        tables = Tables(loaded.maps, clock)
        found = tables._published["web"]
        assert found.before is not None
        assert (found.before.index, found.before.plan) == (hashed.index, hashed.plan)
        tables.apply(plans.plan(plans.changed(plans.service(Scheduler.WLC), A, weight=2 + number)))
        assert tables._published["web"].before == found.before
        assert len(tables._shelf._extents["versions"].used) <= 6, "the first, those of both, and what rests"
    loaded.maps["clock"].set(key(0), struct.pack("=IIQ", 1 << 17, 0, 0))
    tables.apply(plans.plan(plans.changed(plans.service(Scheduler.WLC), A, weight=1000)))
    assert tables._published["web"].before is None, "no flow is that old"


def test_a_copy_of_anothers_slots_lives_as_long_as_flows_may_and_is_given_back(loaded: Loaded) -> None:
    clock = Ticking()
    tables = Tables(loaded.maps, clock)
    for turn in range(20):
        tables.apply(plans.plan(plans.service(Scheduler.MH, name="web")))
        hashed, number = tables._published["web"].plan, number_of(tables, A)
        tables.apply(plans.plan(plans.service(Scheduler.WLC, plans.real(C), name="shop")))
        tables.forget_gone()
        assert number_of(tables, A) == number, "the copy leads there"
        tables = Tables(loaded.maps, clock)
        before = tables._published["shop"].before
        assert before is not None
        assert before.plan == hashed
        tables.apply(plans.plan(plans.service(Scheduler.WLC, plans.real(C, 2 + turn), name="shop")))
        assert tables._published["shop"].before == before
        assert len(tables._shelf._extents["versions"].used) <= 6, "the first, those of both, and what rests"
    loaded.maps["clock"].set(key(0), struct.pack("=IIQ", 1 << 17, 0, 0))
    tables.apply(plans.plan(plans.service(Scheduler.WLC, plans.real(C), name="shop")))
    assert tables._published["shop"].before is None, "no flow is that old"
    tables.forget_gone()
    assert ("web", ip_address(A)) not in tables.reals.numbers


@pytest.mark.parametrize("full", ["ranges", "members"])
def test_where_a_plan_finds_no_room_a_copy_of_slots_is_given_back_too(
    loaded: Loaded, tables: Tables, full: str
) -> None:
    """Where ports find none, all is laid aside by then; where members find none, the copy alone."""
    tables.apply(plans.plan(plans.service(Scheduler.MH)))
    extents = tables._entrances._extents if full == "ranges" else tables._shelf._extents[full]
    shop = replace(plans.service(Scheduler.WLC, *map(plans.real, (A, B, C, "192.168.76.34")), name="shop"))
    wish = plans.plan(replace(shop, ports=(plans.HTTP, Ports(Protocol.TCP, 1000, 1999))))
    room, extents.size = extents.size, 3 if full == "members" else 1
    used = {name: set(one.used) for name, one in tables._shelf._extents.items()}
    with pytest.raises(DataPlaneError, match=f"{full} are full"):
        tables.apply(wish)
    resting = {name: {start for _, start in one.resting} for name, one in tables._shelf._extents.items()}
    assert {name: set(one.used) - resting[name] for name, one in tables._shelf._extents.items()} == used
    extents.size = room
    tables.apply(wish)
    assert tables._published["shop"].before is not None


def test_a_service_changed_again_and_again_never_runs_out_of_places(loaded: Loaded) -> None:
    now = iter(range(10_000))
    tables = Tables(loaded.maps, lambda: float(next(now)))
    web = plans.service(Scheduler.MH)
    for turn in range(600):  # 600 tables of 4,093 slots: more than the array holds
        tables.apply(plans.plan(plans.changed(web, A, weight=1 + turn % 2)))
