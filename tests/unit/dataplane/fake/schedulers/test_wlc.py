"""`wlc`: the least overhead for the weight."""

from __future__ import annotations

from carom.dataplane.fake.schedulers import make
from carom.model import Scheduler
from tests.unit.dataplane.fake.schedulers.cast import REQUEST, A, B, C, server, weighing


def test_twice_the_weight_takes_twice_the_flows() -> None:
    rule = make(Scheduler.WLC)
    assert rule.pick(REQUEST, [server(A, 1, active=3), server(B, 2, active=5)]) == B
    assert rule.pick(REQUEST, [server(A, 1, active=3), server(B, 2, active=7)]) == A


def test_of_equals_the_first_even_if_another_weighs_more() -> None:
    assert make(Scheduler.WLC).pick(REQUEST, weighing(1, 100, 100)) == A


def test_an_inactive_flow_counts_a_little() -> None:
    assert make(Scheduler.WLC).pick(REQUEST, [server(A, inactive=2), server(B, inactive=1), server(C, active=1)]) == B


def test_who_is_quiesced_or_full_is_not_chosen() -> None:
    assert make(Scheduler.WLC).pick(REQUEST, [server(A, 0), server(B, overloaded=True)]) is None
