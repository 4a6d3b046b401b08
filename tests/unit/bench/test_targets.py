"""What Carom promises to cost, held against a document of figures."""

from __future__ import annotations

from typing import Any

import pytest

from bench.cases import BY_NAME
from bench.targets import TARGETS, own_cost, ratio, verdicts

FLOORS = {"drop": 30.0, "swap": 32.0, "hash_lru": 130.0, "lru_insert": 830.0}


def document(**carom: dict[str, float]) -> dict[str, Any]:
    return {"floors": {case: FLOORS for measured in carom.values() for case in measured}, "carom": carom}


def judged(scheduler: str, **measured: float) -> dict[tuple[str, str], bool]:
    found = verdicts(document(**{scheduler: measured}), scheduler)
    return {(verdict.target.case, verdict.target.against): verdict.is_met for verdict in found}


def test_own_cost_is_what_a_packet_costs_above_a_drop() -> None:
    assert own_cost(document(mh={"tcp4_hot": 80.0}), "mh", "tcp4_hot") == 50


@pytest.mark.parametrize(("case", "measured", "expected"), [("tcp4_hot", 80.0, 0.5), ("tcp4_syn", 110.0, 0.1)])
def test_a_new_connection_is_compared_with_an_insert_and_all_else_with_a_lookup(
    case: str, measured: float, expected: float
) -> None:
    assert ratio(document(mh={case: measured}), "mh", case) == pytest.approx(expected)


def test_a_scheduler_that_counts_is_allowed_more_than_one_that_hashes() -> None:
    between = 30 + 0.4 * 100
    assert judged("mh", tcp4_128k=between) == {("tcp4_128k", "hash_lru"): False}
    assert judged("wlc", tcp4_128k=between) == {("tcp4_128k", "hash_lru"): True}


def test_a_scheduler_in_another_build_has_the_same_to_keep() -> None:
    assert judged("mh@before", tcp4_128k=70.0) == {("tcp4_128k", "hash_lru"): False}


def test_half_a_million_flows_are_also_compared_with_one() -> None:
    assert judged("mh", tcp4_hot=80.0, tcp4_512k=96.0) == {
        ("tcp4_hot", "hash_lru"): True,
        ("tcp4_512k", "hash_lru"): False,
        ("tcp4_512k", "tcp4_hot"): False,  # 66 / 50 = 1.32
    }


def test_a_packet_that_is_not_ours_has_nanoseconds_to_keep_within() -> None:
    assert judged("rr", pass4=65.0) == {("pass4", ""): True}
    assert judged("rr", pass4=65.1) == {("pass4", ""): False}


def test_what_was_not_measured_is_not_judged() -> None:
    assert judged("mh", udp4_hot=80.0) == {}


def test_every_target_is_of_a_case_that_exists() -> None:
    assert not [target for target in TARGETS if target.case not in BY_NAME]
