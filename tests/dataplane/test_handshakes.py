"""Handshakes that do not come about, as the half shows that is seen: per real server, on every data plane."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from carom.core.plan import ServicePlan
from carom.model import Address, OnDown, Ports, Protocol, Scheduler
from tests.dataplane import plans
from tests.dataplane.frames import sctp, tcp, udp
from tests.dataplane.planes import PlaneUnderTest
from tests.dataplane.plans import REALS, VIP

FIRST, SECOND = map(ip_address, (REALS[-1], REALS[-2]))
"""Whom rr gives the first client, and whom the second."""

Counted = dict[tuple[str, Address], tuple[int, int]]


@pytest.fixture
def web(plane: PlaneUnderTest) -> ServicePlan:
    """The suite's service; it is second 1000."""
    plane.apply(plans.plan())
    return plans.service()


@pytest.fixture
def before(plane: PlaneUnderTest, web: ServicePlan) -> Counted:
    return counted(plane)


def counted(plane: PlaneUnderTest) -> Counted:
    """SYNs repeated and handshakes lost, by service and real server."""
    return {(real.service, real.address): (real.syns_repeated, real.handshakes_lost) for real in plane.read().reals}


def since(plane: PlaneUnderTest, before: Counted) -> dict[Address, tuple[int, ...]]:
    """What has come since then, where anything has."""
    now = counted(plane)
    apart = {name: tuple(a - b for a, b in zip(now[name], before[name], strict=True)) for name in now}
    return {address: change for (_, address), change in apart.items() if any(change)}


def send(plane: PlaneUnderTest, port: int, flags: str) -> None:
    plane.send(tcp(f"10.0.0.1:{port}", f"{VIP}:80", flags))


def test_a_connection_that_comes_about_counts_as_neither(plane: PlaneUnderTest, before: Counted) -> None:
    for second, flags in ((1000, "S"), (1000, "A"), (1005, "A"), (1006, "FA"), (1006, "A")):
        plane.at(second)
        send(plane, 1, flags)
    plane.at(1300)
    assert since(plane, before) == {}


def test_a_client_that_hears_nothing_repeats_its_syn_and_gives_up(plane: PlaneUnderTest, before: Counted) -> None:
    for second in (1000, 1001, 1003, 1007):
        plane.at(second)
        send(plane, 1, "S")
    assert since(plane, before) == {FIRST: (3, 0)}
    plane.at(1067)
    assert since(plane, before) == {FIRST: (3, 0)}, "it may still answer"
    plane.at(1068)
    assert since(plane, before) == {FIRST: (3, 1)}


def test_each_real_server_has_its_own(plane: PlaneUnderTest, before: Counted) -> None:
    send(plane, 1, "S")
    send(plane, 2, "S")
    send(plane, 1, "A")
    plane.at(1001)
    send(plane, 2, "S")
    plane.at(1100)
    assert since(plane, before) == {SECOND: (1, 1)}


def test_two_syns_at_once_are_one(plane: PlaneUnderTest, before: Counted) -> None:
    """A network may double a packet; who repeats it for want of an answer waits a second (RFC 6298 section 2)."""
    send(plane, 1, "S")
    send(plane, 1, "S")
    assert since(plane, before) == {}


def test_a_port_that_is_used_again_is_a_handshake_of_its_own(plane: PlaneUnderTest, before: Counted) -> None:
    for second, flags in ((1000, "S"), (1000, "A"), (1001, "FA"), (1002, "S"), (1002, "A")):
        plane.at(second)
        send(plane, 1, flags)
    assert since(plane, before) == {}


def test_a_client_that_takes_it_back_is_no_loss(plane: PlaneUnderTest, before: Counted) -> None:
    send(plane, 1, "S")
    send(plane, 1, "A")
    send(plane, 1, "R")
    plane.at(1100)
    assert since(plane, before) == {}


def test_when_the_real_server_goes_down_its_open_handshakes_are_lost(
    plane: PlaneUnderTest, web: ServicePlan, before: Counted
) -> None:
    send(plane, 1, "S")
    wish = plans.changed(web, str(FIRST), up=False)
    plane.apply(plans.plan(replace(wish, on_down=OnDown.MOVE), plans.service(name="dns", ports=(plans.DNS,))))
    plane.at(1001)
    send(plane, 1, "S")
    assert since(plane, before) == {FIRST: (0, 1)}


def test_datagrams_shake_no_hands(plane: PlaneUnderTest, before: Counted) -> None:
    for second in (1000, 1001, 2000):
        plane.at(second)
        plane.send(udp("10.0.0.1:1", f"{VIP}:53"))
    assert since(plane, before) == {}


def test_where_no_entry_is_kept_nothing_is_known(plane: PlaneUnderTest) -> None:
    """Consistent hashing remembers only what moved: that is its point."""
    plane.apply(plans.plan(plans.service(Scheduler.MH)))
    before = counted(plane)
    for second in (1000, 1001, 1003):
        plane.at(second)
        send(plane, 1, "S")
    plane.at(1100)
    assert since(plane, before) == {}


def test_an_association_counts_as_a_connection_does(plane: PlaneUnderTest, before: Counted) -> None:
    plane.apply(plans.plan(plans.service(ports=(Ports(Protocol.SCTP, 2905, 2905),))))
    for second, port, chunk in (
        *((1000, 1, "init"), (1000, 2, "init"), (1000, 1, "init"), (1001, 2, "cookie echo")),
        *((1003, 1, "init"), (1004, 2, "data")),
    ):
        plane.at(second)
        plane.send(sctp(f"10.0.0.1:{port}", f"{VIP}:2905", chunk))
    assert since(plane, before) == {FIRST: (1, 0)}, "two at once are one"
    plane.at(1065)
    assert since(plane, before) == {FIRST: (1, 1)}
