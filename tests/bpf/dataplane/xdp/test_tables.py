"""A plan, written into the real maps: what packets see of it, what stays, what a restart finds."""

from __future__ import annotations

import ctypes as c
import struct
from dataclasses import replace
from ipaddress import ip_address

import pytest

from carom.core.plan import Plan
from carom.dataplane.xdp.directory import Directory
from carom.dataplane.xdp.layout import (
    HALF_BITS,
    REAL_AVAILABLE,
    REAL_HAS_MAC,
    REAL_MOVES,
    Ip6,
    Limit,
    Real,
    Settings,
    Template,
    TemplateKey,
    Way,
    half_of,
    key,
    load,
)
from carom.dataplane.xdp.program import Loaded
from carom.dataplane.xdp.records import Records
from carom.dataplane.xdp.tables import Tables
from carom.errors import DataPlaneError
from carom.model import OnDown, Ports, Protocol, Scheduler
from tests.dataplane import plans
from tests.dataplane.plans import REALS, VIP

A, B, C = REALS


@pytest.fixture
def tables(loaded: Loaded) -> Tables:
    return Tables(loaded.maps, lambda: 0.0)


def number_of(tables: Tables, address: str, service: str = "web") -> int:
    return tables.reals.numbers[service, ip_address(address)]


def settings(loaded: Loaded) -> Settings:
    return Settings.from_buffer_copy(loaded.maps["settings"].get(key(0)) or b"")


def frontends(loaded: Loaded) -> dict[bytes, Way]:
    """Where ports lead, as packets see it."""
    half = settings(loaded).half // HALF_BITS
    items = Directory(loaded.maps["frontends4"], lambda: 0.0).items()
    return {place: frontend.ways[half] for place, frontend in items if frontend.ways[half] != Way()}


def versions(loaded: Loaded) -> list[int]:
    """Of the first services, as packets see them."""
    half = settings(loaded).half // HALF_BITS
    services = Records(loaded.maps["services"], 8)
    return [half_of(int.from_bytes(services[n], "little"), half) for n in range(6)]


def real_of(loaded: Loaded, number: int) -> Real:
    return Real.from_buffer_copy(Records(loaded.maps["reals"], c.sizeof(Real))[number])


def test_what_a_plan_has_stands_in_the_maps(loaded: Loaded, tables: Tables) -> None:
    tables.apply(plans.plan())
    assert set(tables.services.numbers) == {"web", "dns"}
    assert [vip for vip, _ in loaded.maps["vips4"].items()] == [ip_address(VIP).packed]
    assert len(frontends(loaded)) == 3
    real = real_of(loaded, number_of(tables, A))
    assert (bytes(real.mac), real.flags) == (plans.mac(A), REAL_HAS_MAC | REAL_AVAILABLE)


def test_the_same_plan_again_writes_nothing(loaded: Loaded, tables: Tables) -> None:
    tables.apply(plans.plan())
    before = versions(loaded)
    tables.apply(plans.plan())
    assert versions(loaded) == before


def test_a_plan_without_services_leaves_nothing_behind(loaded: Loaded, tables: Tables) -> None:
    tables.apply(plans.plan())
    tables.apply(Plan())
    assert not list(loaded.maps["vips4"].items())
    assert not frontends(loaded)
    assert not any(loaded.maps["services"].get(key(0)) or b"")
    assert not any(settings(loaded).vip_filter)


def test_services_that_go_take_their_templates_along_and_no_others(loaded: Loaded, tables: Tables) -> None:
    kept, *going = (plans.service(name=name, vip=f"192.168.76.{at}") for at, name in enumerate(("web", "a", "b"), 40))
    tables.apply(plans.plan(kept, *going))
    for number in tables.services.numbers.values():
        for client in range(3):
            place = TemplateKey(number, Ip6((client, 0, 0, 0)))
            loaded.maps["templates"].set(bytes(place), bytes(Template(number_of(tables, A))))
    tables.apply(plans.plan(kept))
    left = [TemplateKey.from_buffer_copy(place).service for place, _ in loaded.maps["templates"].items()]
    assert left == 3 * [tables.services.numbers["web"]]


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


def test_a_restart_finds_everything_as_it_was(loaded: Loaded, tables: Tables) -> None:
    web = plans.service(Scheduler.MH)
    tables.apply(plans.plan(web))
    tables.apply(plans.plan(plans.without(web, B)))  # slots remember B

    again = Tables(loaded.maps, lambda: 0.0)
    services = versions(loaded)
    again.apply(plans.plan(plans.without(web, B)))

    assert again.reals.numbers == tables.reals.numbers
    assert versions(loaded) == services, "nothing had to be written"


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
        assert len(tables._extents["versions"].used) <= 6, "the first, those of both, and what rests"
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
        assert len(tables._extents["versions"].used) <= 6, "the first, those of both, and what rests"
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
    extents = tables._entrances._extents if full == "ranges" else tables._extents[full]
    shop = replace(plans.service(Scheduler.WLC, *map(plans.real, (A, B, C, "192.168.76.34")), name="shop"))
    wish = plans.plan(replace(shop, ports=(plans.HTTP, Ports(Protocol.TCP, 1000, 1999))))
    room, extents.size = extents.size, 3 if full == "members" else 1
    used = {name: set(one.used) for name, one in tables._extents.items()}
    with pytest.raises(DataPlaneError, match=f"{full} are full"):
        tables.apply(wish)
    resting = {name: {start for _, start in one.resting} for name, one in tables._extents.items()}
    assert {name: set(one.used) - resting[name] for name, one in tables._extents.items()} == used
    extents.size = room
    tables.apply(wish)
    assert tables._published["shop"].before is not None


class Ticking:
    """Every look is a minute later."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 60
        return self.now


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


def test_a_service_changed_again_and_again_never_runs_out_of_places(loaded: Loaded) -> None:
    now = iter(range(10_000))
    tables = Tables(loaded.maps, lambda: float(next(now)))
    web = plans.service(Scheduler.MH)
    for turn in range(600):  # 600 tables of 4,093 slots: more than the array holds
        tables.apply(plans.plan(plans.changed(web, A, weight=1 + turn % 2)))


def test_a_plan_of_which_one_service_does_not_fit_changes_none(loaded: Loaded, tables: Tables) -> None:
    tables.apply(plans.plan())
    number = number_of(tables, A)
    before = versions(loaded), bytes(real_of(loaded, number))
    small = replace(tables._extents["slots"], size=600)
    tables._extents["slots"] = small
    moved = replace(plans.service(), reals=tuple(replace(real, mac=bytes(6)) for real in plans.service().reals))
    with pytest.raises(DataPlaneError, match="slots are full"):
        tables.apply(plans.plan(plans.changed(moved, A, weight=3), plans.service(name="new", scheduler=Scheduler.MH)))
    assert (versions(loaded), bytes(real_of(loaded, number))) == before
    assert len(frontends(loaded)) == 3
