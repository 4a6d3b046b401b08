"""`lc`: the least overhead."""

from __future__ import annotations

from carom.dataplane.fake.schedulers import Options, make
from carom.model import Scheduler
from tests.unit.dataplane.fake.schedulers.cast import REQUEST, A, B, C, server


def test_the_least_overhead_wins_whatever_servers_weigh() -> None:
    servers = [server(A, 100, active=2), server(B, 1, active=1, inactive=255), server(C, 1, active=1, inactive=254)]
    assert make(Scheduler.LC).pick(REQUEST, servers) == C


def test_of_equals_the_first() -> None:
    assert make(Scheduler.LC).pick(REQUEST, [server(A, active=1), server(B, active=0, inactive=256)]) == A


def test_what_a_flow_costs_may_be_judged_otherwise() -> None:
    rule = make(Scheduler.LC, options=Options(overhead=lambda each: each.active * 257 + each.inactive))
    assert rule.pick(REQUEST, [server(A, active=1), server(B, active=0, inactive=256)]) == B


def test_who_is_quiesced_or_full_is_not_chosen() -> None:
    assert make(Scheduler.LC).pick(REQUEST, [server(A, 0), server(B, overloaded=True), server(C, active=9)]) == C
    assert make(Scheduler.LC).pick(REQUEST, [server(A, 0), server(B, overloaded=True)]) is None
