"""`lblc`: a VIP has a home."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

from carom.dataplane.fake.schedulers import make
from carom.model import Scheduler
from tests.unit.dataplane.fake.schedulers.cast import REQUEST, A, B, server

OTHER = replace(REQUEST, vip=IPv4Address("192.168.76.25"))


def test_a_vip_stays_where_it_was_first_sent_and_another_goes_by_load() -> None:
    rule = make(Scheduler.LBLC)
    assert rule.pick(REQUEST, [server(A, 5), server(B, 5)]) == A
    loaded = [server(A, 5, active=4), server(B, 5)]
    assert rule.pick(REQUEST, loaded) == A
    assert rule.pick(OTHER, loaded) == B


def test_it_moves_when_its_server_has_more_than_its_weight_and_another_less_than_half() -> None:
    rule = make(Scheduler.LBLC)
    assert rule.pick(REQUEST, [server(A, 5), server(B, 4)]) == A
    assert rule.pick(REQUEST, [server(A, 5, active=6), server(B, 4, active=2)]) == A
    assert rule.pick(REQUEST, [server(A, 5, active=5), server(B, 4, active=1)]) == A
    assert rule.pick(REQUEST, [server(A, 5, active=6), server(B, 4, active=1)]) == B
    assert rule.pick(REQUEST, [server(A, 5), server(B, 4, active=4)]) == B


def test_a_server_at_its_upper_threshold_still_keeps_its_vips() -> None:
    rule = make(Scheduler.LBLC)
    assert rule.pick(REQUEST, [server(A), server(B)]) == A
    assert rule.pick(REQUEST, [server(A, overloaded=True), server(B)]) == A


def test_it_leaves_a_quiesced_server_for_good_and_one_that_was_taken_out_until_it_is_back() -> None:
    rule = make(Scheduler.LBLC)
    assert rule.pick(REQUEST, [server(A), server(B)]) == A
    assert rule.pick(REQUEST, []) is None
    assert rule.pick(REQUEST, [server(A, active=1), server(B)]) == A
    assert rule.pick(REQUEST, [server(A, 0), server(B)]) == B
    assert rule.pick(REQUEST, [server(A), server(B, active=1)]) == B
