"""`ovf`: the heaviest first, while it has room."""

from __future__ import annotations

from carom.dataplane.fake.schedulers import make
from carom.model import Scheduler
from tests.unit.dataplane.fake.schedulers.cast import REQUEST, A, B, C, server


def test_the_heaviest_is_filled_first_to_one_more_than_its_weight() -> None:
    assert make(Scheduler.OVF).pick(REQUEST, [server(A, 2), server(B, 5, active=5), server(C, 1)]) == B
    assert make(Scheduler.OVF).pick(REQUEST, [server(A, 2), server(B, 5, active=6), server(C, 1)]) == A


def test_inactive_flows_fill_nobody() -> None:
    assert make(Scheduler.OVF).pick(REQUEST, [server(A, 2), server(B, 5, inactive=1000)]) == B


def test_when_all_have_more_than_they_weigh_there_is_none() -> None:
    assert make(Scheduler.OVF).pick(REQUEST, [server(A, 1, active=2), server(B, 2, active=3)]) is None
