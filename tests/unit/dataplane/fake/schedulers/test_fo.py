"""`fo`: the heaviest takes everything."""

from __future__ import annotations

from carom.dataplane.fake.schedulers import make
from carom.model import Scheduler
from tests.unit.dataplane.fake.schedulers.cast import REQUEST, A, B, C, server, weighing


def test_the_heaviest_takes_everything() -> None:
    assert make(Scheduler.FO).pick(REQUEST, [server(A, 1), server(B, 3, active=9999), server(C, 2)]) == B


def test_of_equals_the_first() -> None:
    assert make(Scheduler.FO).pick(REQUEST, weighing(1, 5, 5)) == B


def test_the_next_takes_over_from_one_that_is_quiesced_or_full() -> None:
    assert make(Scheduler.FO).pick(REQUEST, [server(A, 1), server(B, 3, overloaded=True), server(C, 0)]) == A
    assert make(Scheduler.FO).pick(REQUEST, [server(C, 0)]) is None
