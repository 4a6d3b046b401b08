"""From ports to the keys by which a packet finds its service."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from ipaddress import ip_address

import pytest

from carom.core.plan import Plan, ServicePlan
from carom.dataplane.xdp.frontends import FrontendPlan, frontends_of, heirs
from carom.dataplane.xdp.layout import RANGE_LAST, frontend_key
from carom.errors import DataPlaneError
from carom.model import Address, Ports, Protocol
from tests.dataplane import plans

VIP = ip_address(plans.VIP)
ALL, SOME = Ports(Protocol.TCP, 0, 65535), Ports(Protocol.TCP, 1000, 1999)


def of(plan: Plan) -> dict[bytes, FrontendPlan]:
    def vip_number(vip: tuple[Address, int]) -> int:
        return vip[1]

    return frontends_of(plan, {"web": 1, "rest": 2}.__getitem__, vip_number)


def test_a_single_port_has_a_key_of_its_own() -> None:
    wish = of(plans.plan(plans.service()))
    assert {place: frontend.service for place, frontend in wish.items()} == {
        frontend_key(VIP, 80, 6): 1,
        frontend_key(VIP, 443, 6): 1,
    }


def test_ranges_and_all_ports_share_the_key_of_port_0() -> None:
    web = replace(plans.service(), ports=(plans.HTTP, SOME))
    rest = plans.service(name="rest", ports=(ALL,))
    behind = of(plans.plan(web, rest))[frontend_key(VIP, 0, 6)]
    assert (behind.service, behind.ranges) == (2, [1000 | 1999 << 16 | (1 | RANGE_LAST) << 32])


def test_protocols_do_not_meet() -> None:
    wish = of(plans.plan(replace(plans.service(), ports=(ALL, Ports(Protocol.UDP, 0, 65535)))))
    assert set(wish) == {frontend_key(VIP, 0, 6), frontend_key(VIP, 0, 17)}


def test_more_ranges_than_the_program_looks_through_are_refused() -> None:
    many = tuple(Ports(Protocol.TCP, 2 * n + 1, 2 * n + 2) for n in range(65))
    with pytest.raises(DataPlaneError, match="more than 64 port ranges of tcp"):
        of(plans.plan(replace(plans.service(), ports=many)))


def changed(now: tuple[ServicePlan, ...], then: tuple[ServicePlan, ...]) -> dict[int, set[int]]:
    sides = of(Plan(now)), of(Plan(then))

    def ways(side: dict[bytes, FrontendPlan], place: bytes) -> tuple[int, list[int]]:
        frontend = side.get(place, FrontendPlan(0))
        return frontend.service, frontend.ranges

    return heirs(sides[0].keys() | sides[1].keys(), *(partial(ways, side) for side in sides))


def test_who_gets_anothers_port_is_its_heir() -> None:
    web, rest = plans.service(), plans.service(name="rest", ports=(ALL,))
    some = replace(rest, ports=(SOME,))
    assert changed((web,), (rest,)) == {2: {1}}, "one of them is enough"
    assert changed((web, rest), (rest,)) == {2: {1}}, "though it is as before"
    assert changed((rest,), (web, rest)) == {1: {2}}
    assert changed((rest,), (replace(web, ports=(SOME,)), rest)) == {1: {2}}
    assert changed((replace(web, ports=(SOME,)), rest), (some,)) == {2: {1}}


def test_nobody_is_an_heir_where_every_port_has_the_owner_that_it_had_or_had_none() -> None:
    web, some = plans.service(), plans.service(name="rest", ports=(SOME,))
    assert changed((), (web, some)) == {}
    assert changed((web, some), (web, replace(some, ports=(SOME, plans.DNS)))) == {}
    assert changed((web, some), (replace(web, ports=(plans.HTTP, Ports(Protocol.TCP, 3000, 3999))), some)) == {}
    assert changed((web, some), (web,)) == {}
