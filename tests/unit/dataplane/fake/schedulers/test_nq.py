"""`nq`: an idle server first."""

from __future__ import annotations

from carom.dataplane.fake.schedulers import make
from carom.model import Scheduler
from tests.unit.dataplane.fake.schedulers.cast import REQUEST, A, B, C, server


def test_the_first_idle_server_is_chosen_even_if_another_would_be_faster() -> None:
    assert make(Scheduler.NQ).pick(REQUEST, [server(A, 100, active=1), server(B, 1), server(C, 100)]) == B


def test_an_idle_server_may_have_inactive_flows() -> None:
    assert make(Scheduler.NQ).pick(REQUEST, [server(A, active=1), server(B, inactive=500)]) == B


def test_when_nobody_is_idle_the_shortest_delay_decides() -> None:
    assert make(Scheduler.NQ).pick(REQUEST, [server(A, 1, active=1), server(B, 4, active=3)]) == B


def test_an_idle_server_that_is_quiesced_or_full_is_not_chosen() -> None:
    servers = [server(A, 0), server(B, overloaded=True), server(C, active=7)]
    assert make(Scheduler.NQ).pick(REQUEST, servers) == C
    assert make(Scheduler.NQ).pick(REQUEST, servers[:2]) is None
