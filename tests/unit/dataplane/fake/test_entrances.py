"""Ports, and whose they are, as the oracle has it: beside the XDP plane's own reckoning of who inherits."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from carom.core.plan import Plan, ServicePlan
from carom.dataplane.fake.entrances import entrances_of, heirs, owner
from carom.dataplane.xdp import frontends
from carom.model import Ports, Protocol
from tests.dataplane import plans
from tests.dataplane.plans import DNS, HTTP, HTTPS, VIP

ALL, SOME = Ports(Protocol.TCP, 0, 65535), Ports(Protocol.TCP, 1000, 1999)
PLACES = (HTTP, HTTPS, SOME, ALL, DNS, Ports(Protocol.TCP, 60_000, 65_535), Ports(Protocol.TCP, 1500, 1500))


def test_an_exact_port_comes_before_a_range_and_that_before_all() -> None:
    services = plans.service(name="rest", ports=(ALL,)), plans.service(ports=(HTTP,))
    entrances = entrances_of((*services, plans.service(name="some", ports=(SOME,))))[ip_address(VIP)]
    assert [owner(entrances, 6, port) for port in (80, 1000, 1999, 2000)] == ["web", "some", "some", "rest"]
    assert owner(entrances, 17, 80) is None


@st.composite
def owned(draw: st.DrawFn) -> tuple[ServicePlan, ...]:
    """Each of the places belongs to one of three services, or to none."""
    owners = [draw(st.sampled_from(("a", "b", "c", None))) for _ in PLACES]
    ports = {
        name: tuple(place for place, its in zip(PLACES, owners, strict=True) if its == name) for name in ("a", "b", "c")
    }
    return tuple(replace(plans.service(name=name), ports=its) for name, its in ports.items() if its)


@given(owned(), owned())
def test_both_planes_name_the_same_heirs(before: tuple[ServicePlan, ...], after: tuple[ServicePlan, ...]) -> None:
    numbers = {"a": 1, "b": 2, "c": 3}
    sides = [frontends.frontends_of(Plan(side), numbers.__getitem__, lambda vip: vip[1]) for side in (before, after)]

    def ways(side: dict[bytes, frontends.FrontendPlan]) -> frontends.Ways:
        def ways_of(place: bytes) -> tuple[int, list[int]]:
            frontend = side.get(place, frontends.FrontendPlan(0))
            return frontend.service, frontend.ranges

        return ways_of

    found = frontends.heirs(sides[0].keys() | sides[1].keys(), ways(sides[0]), ways(sides[1]))
    expected = heirs(entrances_of(before), entrances_of(after))
    assert found == {numbers[heir]: {numbers[other] for other in others} for heir, others in expected.items()}
