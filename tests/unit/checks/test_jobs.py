"""Which checks a configuration asks for."""

from __future__ import annotations

from ipaddress import ip_address

from carom.checks.checker import Target
from carom.checks.http import Http
from carom.checks.jobs import Job, NoWay, Probe, jobs, paths
from carom.checks.tcp import Tcp
from carom.model import Check, Config, Director, Ports, Protocol, Real, Service, Via

VIP, REAL1, REAL2 = (ip_address(f"192.168.76.{host}") for host in (24, 31, 32))
WEB = Service("web", VIP, (Ports(Protocol.TCP, 80, 80),), (Real(REAL1), Real(REAL2)))


def config(*services: Service) -> Config:
    return Config(Director("eth0"), services)


def service(check: Check | None, name: str = "web") -> Service:
    return Service(name, VIP, WEB.ports, WEB.reals, check=check)


def test_the_vip_is_checked_by_way_of_each_real_server() -> None:
    marks = {(VIP, REAL1): 1, (VIP, REAL2): 2}
    assert list(jobs(config(WEB), marks)) == [
        Job("web", REAL1, Probe(Tcp(), Target(VIP, 80, REAL1, 1, 1.0), 2.0)),
        Job("web", REAL2, Probe(Tcp(), Target(VIP, 80, REAL2, 2, 1.0), 2.0)),
    ]
    assert paths(config(WEB)) == frozenset(marks)


def test_or_the_real_servers_own_address() -> None:
    check = Check("http", via=Via.REAL, every=5.0, timeout=3.0, port=8080, options={"path": "/up"})
    asked = config(service(check))
    target = Target(REAL1, 8080, REAL1, 0, 3.0)
    assert next(jobs(asked, {})) == Job("web", REAL1, Probe(Http(path="/up"), target, 5.0))
    assert paths(asked) == frozenset()


def test_or_nothing() -> None:
    asked = config(service(None))
    assert list(jobs(asked, {})) == []
    assert paths(asked) == frozenset()


def test_two_services_with_the_same_check_share_a_probe() -> None:
    marks = {(VIP, REAL1): 1, (VIP, REAL2): 2}
    asked = list(jobs(config(service(Check(), "web"), service(Check(), "shop")), marks))
    assert len(asked) == 4
    assert len({job.probe for job in asked}) == 2


def test_without_a_way_to_the_vip_the_check_never_takes_another() -> None:
    asked = list(jobs(config(WEB), {(VIP, REAL1): 1}))
    assert asked[1].probe.checker == NoWay(VIP)
    assert not asked[1].probe.to_vip


def test_a_real_server_that_is_the_director_is_checked_at_its_own_address() -> None:
    """What the host sends to a VIP of the data plane's never comes back to it."""
    own = frozenset({REAL2})
    assert paths(config(WEB), own) == {(VIP, REAL1)}
    asked = list(jobs(config(WEB), {(VIP, REAL1): 1}, own))
    assert [job.probe.target for job in asked] == [Target(VIP, 80, REAL1, 1, 1.0), Target(REAL2, 80, REAL2, 0, 1.0)]


def test_or_at_the_vip_where_the_host_has_it() -> None:
    asked = list(jobs(config(WEB), {(VIP, REAL1): 1}, frozenset({REAL2, VIP})))
    assert asked[1].probe.target == Target(VIP, 80, REAL2, 0, 1.0)
