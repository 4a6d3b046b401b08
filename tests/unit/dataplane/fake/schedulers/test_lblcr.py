"""`lblcr`: a VIP has a set of homes."""

from __future__ import annotations

from dataclasses import replace

from carom.dataplane.fake.schedulers import Rule, make
from carom.dataplane.fake.schedulers.lblcr import UNCHANGED_SECONDS
from carom.model import Scheduler
from tests.unit.dataplane.fake.schedulers.cast import REQUEST, A, B, C, server

LATER = replace(REQUEST, now=UNCHANGED_SECONDS + 1)


def grown() -> Rule:
    """A rule whose VIP has the servers B and A, B having come second."""
    rule = make(Scheduler.LBLCR)
    assert rule.pick(REQUEST, [server(A, 2), server(B, 2), server(C, 2)]) == A
    assert rule.pick(REQUEST, [server(A, 2, active=3), server(B, 2), server(C, 2, active=1)]) == B
    return rule


def test_the_set_shares_the_load_of_its_vip() -> None:
    rule = grown()
    assert rule.pick(REQUEST, [server(A, 2, active=1), server(B, 2, active=2), server(C, 2)]) == A
    assert rule.pick(REQUEST, [server(A, 2, active=2), server(B, 2, active=1), server(C, 2)]) == B


def test_of_equals_in_the_set_the_one_that_came_last() -> None:
    assert grown().pick(REQUEST, [server(A, 2), server(B, 2), server(C, 2)]) == B


def test_a_crowded_set_takes_in_another() -> None:
    rule = grown()
    assert rule.pick(REQUEST, [server(A, 2, active=3), server(B, 2, active=3), server(C, 2)]) == C
    assert rule.pick(REQUEST, [server(A, 2, active=2), server(B, 2, active=2), server(C, 2, active=1)]) == C


def test_a_set_of_which_none_is_usable_takes_in_another() -> None:
    servers = [server(A, 0), server(B, 2, overloaded=True), server(C, 2, active=2)]
    assert grown().pick(REQUEST, servers) == C


def test_a_set_that_has_long_been_the_same_loses_its_most_loaded() -> None:
    rule = grown()
    assert rule.pick(LATER, [server(A, 2), server(B, 2, active=1), server(C, 2)]) == A
    assert rule.pick(LATER, [server(A, 2, active=2), server(B, 2), server(C, 2)]) == A, "B is no longer in the set"


def test_nobody_is_dropped_from_a_set_of_one() -> None:
    rule = make(Scheduler.LBLCR)
    assert rule.pick(REQUEST, [server(A), server(B)]) == A
    assert rule.pick(LATER, [server(A, active=1), server(B)]) == A


def test_without_a_usable_server_there_is_none() -> None:
    assert make(Scheduler.LBLCR).pick(REQUEST, [server(A, 0)]) is None
    assert grown().pick(REQUEST, [server(A, 0), server(B, 0)]) is None
