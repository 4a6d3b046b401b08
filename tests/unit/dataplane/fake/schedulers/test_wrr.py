"""`wrr`: rounds at a falling level."""

from __future__ import annotations

import pytest

from carom.dataplane.fake.schedulers import make
from carom.model import Scheduler
from tests.unit.dataplane.fake.schedulers.cast import full, picks, server, weighing


@pytest.mark.parametrize(
    ("weights", "round_"),
    [
        ((4, 3, 2), "AABABCABC"),
        ((1, 1, 1), "ABC"),
        ((2, 3, 4), "CBCABCABC"),
        ((40, 30, 20), "AABABCABC"),
        ((1, 0, 3), "CCAC"),
        ((5,), "AAAAA"),
    ],
)
def test_rounds_by_weight(weights: tuple[int, ...], round_: str) -> None:
    rule, servers = make(Scheduler.WRR), weighing(*weights)
    rule.changed(servers)
    assert picks(rule, servers, 2 * len(round_)) == 2 * round_


def test_a_change_goes_back_to_the_head_but_not_to_the_top() -> None:
    rule, servers = make(Scheduler.WRR), weighing(4, 3, 2)
    rule.changed(servers)
    assert picks(rule, servers, 3) == "AAB"  # the level is 3
    rule.changed(servers)
    assert picks(rule, servers, 6) == "ABABCA"


def test_a_level_above_the_new_weights_comes_down_to_their_top() -> None:
    rule = make(Scheduler.WRR)
    rule.changed(weighing(9, 8))
    assert picks(rule, weighing(9, 8), 1) == "A"
    rule.changed(weighing(2, 1))
    assert picks(rule, weighing(2, 1), 3) == "AAB"


def test_a_level_between_the_steps_of_the_new_weights_is_aligned_to_them() -> None:
    """Level 5 among weights 6 and 3, whose levels are 4 and 1: it becomes 4."""
    rule = make(Scheduler.WRR)
    rule.changed(weighing(6, 5))
    assert picks(rule, weighing(6, 5), 2) == "AA"  # the level is 5
    rule.changed(weighing(6, 3))
    assert picks(rule, weighing(6, 3), 3) == "AAB"


def test_levels_on_which_only_full_servers_take_part_are_passed_over() -> None:
    rule, servers = make(Scheduler.WRR), [server(1, 60000, overloaded=True), server(2, 3), server(3, 2)]
    rule.changed(servers)
    assert picks(rule, servers, 5) == "BBCBC"


def test_a_vain_search_from_a_high_level_begins_a_new_round() -> None:
    rule, servers = make(Scheduler.WRR), weighing(4, 3, 2)
    rule.changed(servers)
    assert picks(rule, servers, 3) == "AAB"
    assert picks(rule, full(servers), 2) == "--"
    assert picks(rule, servers, 4) == "AABA"


def test_a_vain_search_from_within_the_lowest_level_changes_nothing() -> None:
    rule, servers = make(Scheduler.WRR), weighing(4, 3, 2)
    rule.changed(servers)
    assert picks(rule, servers, 7) == "AABABCA"
    assert picks(rule, full(servers), 2) == "--"
    assert picks(rule, servers, 3) == "BCA"


@pytest.mark.parametrize("weights", [(), (0,), (0, 0)])
def test_without_weight_it_picks_none_until_there_is_some(weights: tuple[int, ...]) -> None:
    rule = make(Scheduler.WRR)
    rule.changed(weighing(*weights))
    assert picks(rule, weighing(*weights), 1) == "-"
    rule.changed(weighing(2, 1))
    assert picks(rule, weighing(2, 1), 3) == "AAB"
