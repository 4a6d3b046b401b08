"""What somebody sees who looks at the flows. On every data plane."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from carom.core.flows import Flow, Wanted
from carom.core.plan import Plan
from carom.model import Protocol
from tests.dataplane import plans
from tests.dataplane.frames import sctp, tcp, udp
from tests.dataplane.planes import PlaneUnderTest
from tests.dataplane.plans import DNS, SIGNALS, VIP, VIP6

CLIENT6 = "[2001:db8:9::7]"


def all_plans() -> Plan:
    return plans.plan(
        replace(plans.service(), persistence=300),
        plans.service(name="dns", ports=(DNS,)),
        plans.service(name="web6", vip=VIP6),
        plans.service(name="signals", ports=(SIGNALS,)),
    )


@pytest.fixture
def busy(plane: PlaneUnderTest) -> PlaneUnderTest:
    """One flow of each kind, and one that ends before anybody looks."""
    plane.apply(all_plans())
    for frame in (
        tcp("203.0.113.7:1", f"{VIP}:80", "S"),
        tcp("203.0.113.7:1", f"{VIP}:80", "A"),
        tcp("203.0.113.8:2", f"{VIP}:443", "S"),
        udp("203.0.114.9:3", f"{VIP}:53"),
        tcp(f"{CLIENT6}:4", f"[{VIP6}]:80", "S"),
        tcp("203.0.113.7:5", f"{VIP}:80", "S"),
        tcp("203.0.113.7:5", f"{VIP}:80", "A"),
        tcp("203.0.113.7:5", f"{VIP}:80", "R"),
        sctp("198.51.100.7:6", f"{VIP}:2905", "init"),
        sctp("198.51.100.7:6", f"{VIP}:2905", "cookie echo"),
    ):
        plane.send(frame)
    plane.at(1050)
    return plane


def seen(plane: PlaneUnderTest, wanted: Wanted, most: int = 100) -> Iterator[Flow]:
    place: int | None = 0
    while place is not None:
        found = plane.flows(wanted, place, most)
        assert len(found.flows) <= most
        yield from found.flows
        place = found.next


def ports(plane: PlaneUnderTest, wanted: Wanted, most: int = 100) -> list[int]:
    return sorted(flow.client_port for flow in seen(plane, wanted, most))


def counted(plane: PlaneUnderTest, wanted: Wanted) -> int:
    total, place = 0, 0
    while True:
        found = plane.count_flows(wanted, place)
        total += sum(found.states.values())
        if found.next is None:
            return total
        place = found.next


def test_a_flow_is_told_whole(busy: PlaneUnderTest) -> None:
    [flow] = seen(busy, Wanted(state="established"))
    assert flow.real in {ip_address(real) for real in plans.REALS}
    assert replace(flow, real=None) == Flow(
        *(ip_address("203.0.113.7"), 1, ip_address(VIP), 80, Protocol.TCP),
        *("web", None, "established", 50, 850),
        persistent=True,
    )


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), [1, 2, 3, 4, 6]),
        (Wanted(client=ip_network("203.0.113.0/24")), [1, 2]),
        (Wanted(client=ip_network("203.0.112.0/22"), protocol=Protocol.UDP), [3]),
        (Wanted(client=ip_network("2001:db8:9::/48")), [4]),
        (Wanted(vip=ip_address(VIP6)), [4]),
        (Wanted(service="dns"), [3]),
        (Wanted(service="web"), [1, 2]),
        (Wanted(service="nobody"), []),
        (Wanted(protocol=Protocol.TCP), [1, 2, 4]),
        (Wanted(protocol=Protocol.SCTP), [6]),
        (Wanted(vip=ip_address(VIP), state="sctp-established"), [6]),
        (Wanted(state="syn-recv"), [2, 4]),
        (Wanted(state="udp", idle=50), [3]),
        (Wanted(idle=51), []),
    ],
)
def test_what_is_wanted_is_found_and_counted(busy: PlaneUnderTest, wanted: Wanted, found: list[int]) -> None:
    assert ports(busy, wanted) == found
    assert counted(busy, wanted) == len(found)


def test_one_at_a_time_is_the_same(busy: PlaneUnderTest) -> None:
    assert ports(busy, Wanted(), most=1) == [1, 2, 3, 4, 6]


def test_a_real_servers_flows_are_those_that_are_counted_for_it(busy: PlaneUnderTest) -> None:
    for real in busy.read().reals:
        found = counted(busy, Wanted(service=real.service, real=real.address))
        assert found == real.active + real.inactive
