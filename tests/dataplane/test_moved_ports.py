"""A port goes from one service to another: connections through it stay where they are, as in IPVS."""

from __future__ import annotations

from dataclasses import replace

import pytest

from carom.core.plan import ServicePlan
from carom.model import Ports, Protocol, Scheduler
from tests.dataplane import plans
from tests.dataplane.frames import tcp
from tests.dataplane.planes import PlaneUnderTest
from tests.dataplane.plans import HTTP, HTTPS, VIP, VIP6

CLIENTS = range(1, 41)
ALL, SOME = Ports(Protocol.TCP, 0, 65535), Ports(Protocol.TCP, 80, 89)


def service(name: str, scheduler: Scheduler, *ports: Ports, vip: str = VIP) -> ServicePlan:
    return plans.service(scheduler, name=name, vip=vip, ports=ports)


def send(plane: PlaneUnderTest, flags: str, port: int = 80, vip: str = VIP, source: int = 1025) -> list[bytes]:
    """To which MAC each client's segment goes."""
    ends = [
        plane.send(
            tcp(f"[2001:db8:{number:x}::1]:{source}", f"[{vip}]:{port}", flags)
            if ":" in vip
            else tcp(f"10.0.{number}.1:{source}", f"{vip}:{port}", flags)
        )
        for number in CLIENTS
    ]
    assert {end.reason for end in ends} == {"forwarded"}
    return [end.frame[:6] for end in ends]


@pytest.mark.parametrize("scheduler", [Scheduler.MH, Scheduler.SH, Scheduler.WLC])
@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ((HTTP,), (HTTP,)),
        ((HTTP, HTTPS), (HTTP,)),
        ((HTTP,), (SOME,)),
        ((HTTP,), (ALL,)),
        ((SOME,), (HTTP,)),
        ((ALL,), (SOME,)),
    ],
    ids=lambda ports: " ".join(map(str, ports)),
)
def test_connections_of_a_service_that_counts_stay(
    plane: PlaneUnderTest, scheduler: Scheduler, was: tuple[Ports, ...], becomes: tuple[Ports, ...]
) -> None:
    plane.at(1000)
    plane.apply(plans.plan(service("web", Scheduler.RR, *was)))
    connected = send(plane, "S")
    plane.apply(plans.plan(service("shop", scheduler, *becomes)))
    assert send(plane, "A") == connected
    plane.at(1600)
    assert send(plane, "A") == connected


@pytest.mark.parametrize("scheduler", [Scheduler.MH, Scheduler.SH, Scheduler.WLC, Scheduler.RR])
@pytest.mark.parametrize("before", [Scheduler.MH, Scheduler.SH])
def test_connections_of_a_service_that_hashes_stay_with_real_servers_that_are_no_more(
    plane: PlaneUnderTest, before: Scheduler, scheduler: Scheduler
) -> None:
    plane.at(1000)
    plane.apply(plans.plan(service("web", before, HTTP)))
    connected = send(plane, "S")
    others = tuple(plans.real(f"192.168.76.{number}") for number in (35, 36))
    plane.apply(plans.plan(plans.service(scheduler, *others, name="green", ports=(HTTP,))))
    assert set(connected).isdisjoint(send(plane, "S", source=2000)), "all new ones go to the new real servers"
    assert send(plane, "A") == connected
    plane.at(1600)
    assert send(plane, "A") == connected, "they have entries by now"
    plane.apply(plans.plan(plans.service(scheduler, *others, name="blue", ports=(HTTP,))))
    assert send(plane, "A") == connected


@pytest.mark.parametrize("before", [Scheduler.WLC, Scheduler.MH])
def test_they_stay_though_nobody_is_known_to_be_well_at_first(plane: PlaneUnderTest, before: Scheduler) -> None:
    """Checks of the new service have not told yet."""
    shop = service("shop", Scheduler.SH if before is Scheduler.MH else Scheduler.MH, HTTP)
    unproven = replace(shop, reals=tuple(replace(real, up=False) for real in shop.reals))
    plane.at(1000)
    plane.apply(plans.plan(service("web", before, HTTP)))
    connected = send(plane, "S")
    plane.apply(plans.plan(unproven))
    assert send(plane, "A") == connected
    assert plane.send(tcp("10.9.9.9:1025", f"{VIP}:80", "S")).reason == "no_real"
    plane.apply(plans.plan(shop))
    assert send(plane, "A") == connected
    send(plane, "S", source=2000)


def test_a_service_that_counts_takes_those_of_one_that_hashes_besides_its_own(plane: PlaneUnderTest) -> None:
    shop = service("shop", Scheduler.WLC, HTTPS)
    plane.at(1000)
    plane.apply(plans.plan(service("web", Scheduler.MH, HTTP), shop))
    theirs, own = send(plane, "S"), send(plane, "S", 443)
    plane.apply(plans.plan(service("shop", Scheduler.WLC, HTTP, HTTPS)))
    assert (send(plane, "A"), send(plane, "A", 443)) == (theirs, own)


def test_whoever_connects_afterwards_goes_where_its_new_service_says(plane: PlaneUnderTest) -> None:
    shop = service("shop", Scheduler.SH, HTTP)
    plane.at(1000)
    plane.apply(plans.plan(shop))
    by_hash = send(plane, "S")
    plane.apply(plans.plan(service("web", Scheduler.RR, HTTP)))
    assert send(plane, "S", source=2000) != by_hash
    plane.apply(plans.plan(shop))
    assert send(plane, "S", source=3000) == by_hash


def test_a_service_keeps_its_own_connections_beside_those_that_come(plane: PlaneUnderTest) -> None:
    rest = service("rest", Scheduler.MH, HTTPS)
    plane.at(1000)
    plane.apply(plans.plan(service("web", Scheduler.RR, HTTP), rest))
    theirs, own = send(plane, "S"), send(plane, "S", 443)
    assert theirs != own
    plane.apply(plans.plan(service("rest", Scheduler.MH, HTTPS, HTTP)))
    assert (send(plane, "A"), send(plane, "A", 443)) == (theirs, own)


def test_a_port_that_falls_to_the_service_of_all_the_others(plane: PlaneUnderTest) -> None:
    """That one is configured as before."""
    rest = service("rest", Scheduler.MH, ALL)
    plane.at(1000)
    plane.apply(plans.plan(service("web", Scheduler.RR, HTTP), rest))
    connected = send(plane, "S")
    plane.apply(plans.plan(rest))
    assert send(plane, "A") == connected


def test_what_has_been_given_entries_goes_along_once_more(plane: PlaneUnderTest) -> None:
    plane.at(1000)
    plane.apply(plans.plan(service("web", Scheduler.RR, HTTP)))
    connected = send(plane, "S")
    for name in ("shop", "store", "kiosk"):
        plane.apply(plans.plan(service(name, Scheduler.SH, HTTP)))
        assert send(plane, "A") == connected


def test_ip6_too(plane: PlaneUnderTest) -> None:
    plane.at(1000)
    plane.apply(plans.plan(service("web", Scheduler.RR, HTTP, vip=VIP6)))
    connected = send(plane, "S", vip=VIP6)
    plane.apply(plans.plan(service("shop", Scheduler.MH, ALL, vip=VIP6)))
    assert send(plane, "A", vip=VIP6) == connected


def test_another_vips_port_is_another(plane: PlaneUnderTest) -> None:
    """Nothing is looked for that cannot be there: the service stays one without entries."""
    plane.at(1000)
    plane.apply(plans.plan(service("web", Scheduler.RR, HTTP, vip=plans.OTHER_VIP)))
    plane.apply(plans.plan(service("shop", Scheduler.MH, HTTP)))
    send(plane, "S")
    assert [real.active for real in plane.read().reals if real.service == "shop"] == [0, 0, 0]
