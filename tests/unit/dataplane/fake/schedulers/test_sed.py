"""`sed`: the shortest expected delay."""

from __future__ import annotations

from carom.dataplane.fake.schedulers import make
from carom.model import Scheduler
from tests.unit.dataplane.fake.schedulers.cast import REQUEST, A, B, server, weighing


def test_idle_servers_are_told_apart_by_their_weights() -> None:
    assert make(Scheduler.SED).pick(REQUEST, weighing(1, 3, 2)) == B


def test_the_new_flow_is_counted_in() -> None:
    """(1 + 1) / 4 is less than (0 + 1) / 1."""
    assert make(Scheduler.SED).pick(REQUEST, [server(A, 1), server(B, 4, active=1)]) == B


def test_inactive_flows_are_not() -> None:
    assert make(Scheduler.SED).pick(REQUEST, [server(A, inactive=1000), server(B)]) == A


def test_who_is_quiesced_or_full_is_not_chosen() -> None:
    assert make(Scheduler.SED).pick(REQUEST, [server(A, 0), server(B, overloaded=True)]) is None
