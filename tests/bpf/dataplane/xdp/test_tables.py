"""A plan, written into the real maps: what packets see of it, what stays, what a restart finds."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from carom.core.plan import Plan
from carom.dataplane.xdp.layout import REAL_AVAILABLE, REAL_HAS_MAC, Ip6, Template, TemplateKey, key
from carom.dataplane.xdp.program import Loaded
from carom.dataplane.xdp.tables import Tables
from carom.errors import DataPlaneError
from carom.model import Scheduler
from tests.bpf.dataplane.xdp.mapped import frontends, number_of, real_of, settings, versions
from tests.dataplane import plans
from tests.dataplane.plans import REALS, VIP

A, B, C = REALS


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


def test_a_restart_finds_everything_as_it_was(loaded: Loaded, tables: Tables) -> None:
    web = plans.service(Scheduler.MH)
    tables.apply(plans.plan(web))
    tables.apply(plans.plan(plans.without(web, B)))  # slots remember B

    again = Tables(loaded.maps, lambda: 0.0)
    services = versions(loaded)
    again.apply(plans.plan(plans.without(web, B)))

    assert again.reals.numbers == tables.reals.numbers
    assert versions(loaded) == services, "nothing had to be written"


def test_a_plan_of_which_one_service_does_not_fit_changes_none(loaded: Loaded, tables: Tables) -> None:
    tables.apply(plans.plan())
    number = number_of(tables, A)
    before = versions(loaded), bytes(real_of(loaded, number))
    small = replace(tables._shelf._extents["slots"], size=600)
    tables._shelf._extents["slots"] = small
    moved = replace(plans.service(), reals=tuple(replace(real, mac=bytes(6)) for real in plans.service().reals))
    with pytest.raises(DataPlaneError, match="slots are full"):
        tables.apply(plans.plan(plans.changed(moved, A, weight=3), plans.service(name="new", scheduler=Scheduler.MH)))
    assert (versions(loaded), bytes(real_of(loaded, number))) == before
    assert len(frontends(loaded)) == 3
