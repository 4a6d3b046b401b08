"""`rr`: round and round."""

from __future__ import annotations

from carom.dataplane.fake.schedulers import make
from carom.model import Scheduler
from tests.unit.dataplane.fake.schedulers.cast import full, picks, weighing


def test_it_goes_round_whatever_servers_weigh() -> None:
    rule, servers = make(Scheduler.RR), weighing(1, 7, 100)
    rule.changed(servers)
    assert picks(rule, servers, 7) == "ABCABCA"


def test_it_passes_over_who_is_quiesced() -> None:
    rule, servers = make(Scheduler.RR), weighing(1, 0, 1)
    rule.changed(servers)
    assert picks(rule, servers, 4) == "ACAC"


def test_the_only_usable_server_is_chosen_again_and_again() -> None:
    rule, servers = make(Scheduler.RR), weighing(0, 1, 0)
    rule.changed(servers)
    assert picks(rule, servers, 3) == "BBB"


def test_while_all_are_full_it_keeps_its_place() -> None:
    rule, servers = make(Scheduler.RR), weighing(1, 1, 1)
    rule.changed(servers)
    assert picks(rule, servers, 1) == "A"
    assert picks(rule, full(servers), 2) == "--"
    assert picks(rule, servers, 2) == "BC"


def test_a_server_put_in_at_the_head_waits_for_the_next_round() -> None:
    rule, servers = make(Scheduler.RR), weighing(1, 1, 1)
    rule.changed(servers[1:])
    assert picks(rule, servers[1:], 1) == "B"
    rule.changed(servers)
    assert picks(rule, servers, 3) == "CAB"


def test_without_servers_it_picks_none() -> None:
    rule = make(Scheduler.RR)
    rule.changed([])
    assert picks(rule, [], 1) == "-"
