"""`mh`: the client decides, by the Maglev table."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from ipaddress import IPv4Address

from carom.dataplane.fake.schedulers import Candidate, Rule, make
from carom.model import Scheduler, SchedulerFlag
from tests.unit.dataplane.fake.schedulers.cast import REQUEST, A, B, C, full, server, weighing

SERVERS = weighing(1, 1, 1)


def homes(rule: Rule, servers: list[Candidate]) -> list[int | None]:
    """Where each of 500 clients goes."""
    clients = (IPv4Address("10.64.0.0") + n for n in range(500))
    return [rule.pick(replace(REQUEST, client=client), servers) for client in clients]


def test_the_client_decides_whatever_its_port() -> None:
    rule = make(Scheduler.MH)
    rule.changed(SERVERS)
    assert len({rule.pick(replace(REQUEST, client_port=port), SERVERS) for port in range(1, 200)}) == 1


def test_with_mh_port_the_port_counts_too() -> None:
    rule = make(Scheduler.MH, {SchedulerFlag.MH_PORT})
    rule.changed(SERVERS)
    assert {rule.pick(replace(REQUEST, client_port=port), SERVERS) for port in range(1, 200)} == {A, B, C}


def test_quiescing_a_server_moves_nobody_else() -> None:
    rule = make(Scheduler.MH)
    rule.changed(SERVERS)
    before = homes(rule, SERVERS)
    rule.changed(weighing(1, 0, 1))
    assert homes(rule, weighing(1, 0, 1)) == [None if home == B else home for home in before]


def test_a_server_put_in_without_a_weight_has_no_clients_until_it_is_given_one() -> None:
    rule = make(Scheduler.MH)
    rule.changed(weighing(1, 0, 1))
    assert set(homes(rule, weighing(1, 0, 1))) == {A, C}


def test_a_server_that_was_taken_out_comes_back_without_its_last_weight() -> None:
    rule = make(Scheduler.MH)
    rule.changed(SERVERS)
    rule.changed([server(A), server(C)])
    rule.changed(weighing(1, 0, 1))
    assert set(homes(rule, weighing(1, 0, 1))) == {A, C}


def test_with_mh_fallback_the_clients_of_a_full_server_are_spread_over_the_others() -> None:
    rule = make(Scheduler.MH, {SchedulerFlag.MH_FALLBACK})
    rule.changed(SERVERS)
    servers = [server(A), server(B, overloaded=True), server(C)]
    moved = Counter(now for was, now in zip(homes(rule, SERVERS), homes(rule, servers), strict=True) if was == B)
    assert moved.keys() == {A, C}
    assert min(moved.values()) > 50


def test_when_all_are_full_there_is_none() -> None:
    rule = make(Scheduler.MH, {SchedulerFlag.MH_FALLBACK})
    rule.changed(SERVERS)
    assert rule.pick(REQUEST, full(SERVERS)) is None


def test_without_servers_there_is_none() -> None:
    rule = make(Scheduler.MH)
    rule.changed([])
    assert rule.pick(REQUEST, []) is None
