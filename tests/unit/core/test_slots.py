"""Consistent-hash tables of a service: who stands in them, and in how many slots."""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_address

from carom.core.plan import RealPlan, ServicePlan
from carom.core.slots import fallback_table, hash_table, hashed_port
from carom.model import Ports, Protocol, Scheduler

HTTP, HTTPS = Ports(Protocol.TCP, 80, 80), Ports(Protocol.TCP, 443, 443)


def reals(count: int, weight: int = 1) -> list[RealPlan]:
    return [RealPlan(ip_address("10.0.0.1") + n, weight, bytes(6)) for n in range(count)]


def service(*ports: Ports) -> ServicePlan:
    return ServicePlan("web", ip_address("192.0.2.1"), ports or (HTTP,), Scheduler.MH, ())


def test_a_server_is_hashed_by_the_port_of_a_service_that_has_one() -> None:
    assert hashed_port(service(HTTP)) == 80
    assert hashed_port(service(HTTP, HTTPS)) == 0
    assert hashed_port(service(Ports(Protocol.TCP, 80, 90))) == 0


def test_mh_has_ipvss_size_until_servers_are_many() -> None:
    assert len(hash_table(service(), reals(3), [1] * 3)) == 4093
    assert len(hash_table(service(), reals(500), [1] * 500)) == 8191


def test_mh_keeps_the_size_it_began_with() -> None:
    assert len(hash_table(service(), reals(500), [1] * 500, size=4093)) == 4093


def test_nobody_makes_an_empty_table() -> None:
    assert hash_table(service(), [], []) == ()
    assert fallback_table(service(), []) == ()
    assert fallback_table(service(), reals(2, weight=0)) == ()


def test_slots_go_by_weight() -> None:
    servers = [*reals(1, weight=3), RealPlan(ip_address("10.0.0.9"), 1, bytes(6))]
    shares = Counter(fallback_table(service(), servers))
    assert 2.5 < shares[0] / shares[1] < 3.5


def test_one_server_less_moves_few_slots_that_were_not_its_own() -> None:
    servers = reals(10)
    with_all = fallback_table(service(), servers)
    without_last = fallback_table(service(), servers[:-1])
    others_moved = sum(old != new for old, new in zip(with_all, without_last, strict=True) if old != 9)
    assert others_moved < len(with_all) * 0.15
