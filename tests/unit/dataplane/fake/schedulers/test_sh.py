"""`sh`: the client decides, by buckets."""

from __future__ import annotations

from dataclasses import replace

from carom.dataplane.fake.schedulers import make
from carom.model import Scheduler, SchedulerFlag
from tests.unit.dataplane.fake.schedulers.cast import REQUEST, A, B, C, full, server, weighing

SERVERS = weighing(1, 1, 1)


def test_the_client_decides_whatever_its_port() -> None:
    """10.64.0.1 is in bucket 185; 185 mod 3 is 2, C."""
    rule = make(Scheduler.SH)
    rule.changed(SERVERS)
    assert {rule.pick(replace(REQUEST, client_port=port), SERVERS) for port in range(1, 200)} == {C}


def test_with_sh_port_the_port_counts_too() -> None:
    rule = make(Scheduler.SH, {SchedulerFlag.SH_PORT})
    rule.changed(SERVERS)
    assert {rule.pick(replace(REQUEST, client_port=port), SERVERS) for port in range(1, 200)} == {A, B, C}


def test_a_weight_is_a_run_of_buckets() -> None:
    """Weights 100, 85, 1: bucket 185 is the first that C has, 184 the last of B."""
    rule = make(Scheduler.SH)
    rule.changed(weighing(100, 85, 1))
    assert rule.pick(REQUEST, weighing(100, 85, 1)) == C
    rule.changed(weighing(100, 86, 1))
    assert rule.pick(REQUEST, weighing(100, 86, 1)) == B


def test_a_server_that_is_quiesced_or_full_leaves_its_clients_without() -> None:
    rule = make(Scheduler.SH)
    rule.changed(weighing(1, 1, 0))
    assert rule.pick(REQUEST, weighing(1, 1, 0)) is None
    assert rule.pick(REQUEST, full(SERVERS)) is None


def test_with_sh_fallback_they_are_looked_after_elsewhere() -> None:
    """The search goes on from bucket 185 + 185 = 114 (mod 256): 114 mod 3 is 0, A; then B."""
    rule = make(Scheduler.SH, {SchedulerFlag.SH_FALLBACK})
    rule.changed(SERVERS)
    assert rule.pick(REQUEST, [server(A), server(B), server(C, overloaded=True)]) == A
    assert rule.pick(REQUEST, [server(A, 0), server(B), server(C, overloaded=True)]) == B
    assert rule.pick(REQUEST, full(SERVERS)) is None


def test_without_servers_there_is_none() -> None:
    rule = make(Scheduler.SH)
    rule.changed([])
    assert rule.pick(REQUEST, []) is None
