"""Real servers in the maps: MACs, flags and thresholds, whose numbers are used again."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from carom.core.plan import Plan
from carom.dataplane.xdp.layout import REAL_HAS_MAC, REAL_MOVES, Limit, key, load
from carom.dataplane.xdp.program import Loaded
from carom.dataplane.xdp.tables import Tables
from carom.errors import DataPlaneError
from carom.model import OnDown, Scheduler
from tests.bpf.dataplane.xdp.mapped import frontends, number_of, real_of
from tests.dataplane import plans
from tests.dataplane.plans import REALS

A, B, C = REALS


def test_a_real_server_without_a_mac_keeps_the_last_one_known(loaded: Loaded, tables: Tables) -> None:
    web = plans.service()
    tables.apply(plans.plan(web))
    tables.apply(plans.plan(plans.changed(web, A, mac=None)))
    assert bytes(real_of(loaded, number_of(tables, A)).mac) == plans.mac(A)


def test_flows_of_a_real_server_that_is_down_move_only_if_they_shall(loaded: Loaded, tables: Tables) -> None:
    for on_down, flags in ((OnDown.MOVE, REAL_HAS_MAC | REAL_MOVES), (OnDown.FINISH, REAL_HAS_MAC)):
        tables.apply(plans.plan(plans.changed(plans.service(on_down=on_down), A, up=False)))
        assert real_of(loaded, number_of(tables, A)).flags == flags


def test_flows_of_a_real_server_that_is_taken_out_finish(loaded: Loaded, tables: Tables) -> None:
    web = plans.service(on_down=OnDown.MOVE)
    tables.apply(plans.plan(plans.changed(web, A, up=False)))
    tables.apply(plans.plan(plans.without(web, A)))
    assert real_of(loaded, number_of(tables, A)).flags == REAL_HAS_MAC


def test_a_number_that_serves_again_brings_nothing_of_its_first_life(loaded: Loaded, tables: Tables) -> None:
    tables.apply(plans.plan(plans.service(Scheduler.RR, plans.real(A))))
    number = number_of(tables, A)
    tables.apply(Plan())
    tables.forget_gone()
    tables.apply(plans.plan(plans.service(Scheduler.RR, plans.real(B, known=False))))
    assert number_of(tables, B) == number
    assert real_of(loaded, number).flags == 0


def test_a_real_server_that_slots_remember_keeps_its_number(loaded: Loaded, tables: Tables) -> None:
    web = plans.service(Scheduler.MH)
    tables.apply(plans.plan(web))
    tables.apply(plans.plan(plans.without(web, B)))
    tables.forget_gone()
    assert number_of(tables, B)


def test_new_thresholds_free_who_is_below_them(loaded: Loaded, tables: Tables) -> None:
    web = plans.service()
    tables.apply(plans.plan(plans.changed(web, A, upper=5, lower=2)))
    place = key(number_of(tables, A))
    loaded.maps["limits"].set(place, bytes(Limit(5, 2, overloaded=1)))
    memoryview(loaded.maps["loads"].memory()).cast("Q")[number_of(tables, A)] = load(2, 3)
    for upper, overloaded in ((4, 1), (9, 0), (0, 0), (5, 1)):
        tables.apply(plans.plan(plans.changed(web, A, upper=upper)))
        limit = Limit.from_buffer_copy(loaded.maps["limits"].get(place) or b"")
        assert (limit.upper, limit.overloaded) == (upper, overloaded)


def test_more_real_servers_than_there_is_room_for_change_nothing(loaded: Loaded, tables: Tables) -> None:
    tables.apply(plans.plan())
    reals = tuple(plans.real("10.0.0.0") for _ in range(0)) + tuple(
        replace(plans.real("10.0.0.1"), address=ip_address("10.0.0.0") + n) for n in range(20_000)
    )
    before = frontends(loaded)
    with pytest.raises(DataPlaneError, match="20000 new real servers"):
        tables.apply(plans.plan(plans.service(Scheduler.RR, *reals, name="huge")))
    assert frontends(loaded) == before
