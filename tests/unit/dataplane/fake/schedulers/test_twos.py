"""`twos`: the better of two draws."""

from __future__ import annotations

from collections import Counter
from itertools import product

from carom.dataplane.fake.schedulers import Candidate, Options, Rule, make
from carom.model import Scheduler
from tests.unit.dataplane.fake.schedulers.cast import REQUEST, A, B, C, server, weighing


def drawing(*numbers: int) -> Rule:
    """The rule when these numbers are drawn."""
    drawn = iter(numbers)
    return make(Scheduler.TWOS, options=Options(draw=lambda _: next(drawn)))


def test_of_two_draws_the_less_loaded_for_its_weight_is_chosen() -> None:
    servers = [server(A, 2, active=2), server(B, 2, active=1), server(C, 2)]
    assert drawing(1, 3).pick(REQUEST, servers) == B
    assert drawing(3, 1).pick(REQUEST, servers) == B
    assert drawing(1, 5).pick(REQUEST, servers) == C


def test_of_equals_the_first_drawn() -> None:
    assert drawing(3, 1).pick(REQUEST, weighing(2, 2)) == B


def test_draws_are_counted_down_along_the_list_and_favour_its_first() -> None:
    """Weights 2, 1, 1: of the numbers 0 to 4 the first server has three."""
    shares = Counter(drawing(number, number).pick(REQUEST, weighing(2, 1, 1)) for number in range(5))
    assert shares == {A: 3, B: 1, C: 1}


def test_a_draw_is_below_one_more_than_the_sum_of_the_usable_weights() -> None:
    asked: list[int] = []

    def draw(below: int) -> int:
        asked.append(below)
        return 0

    servers = [server(A, 3), server(B, 0), server(C, 4, overloaded=True)]
    make(Scheduler.TWOS, options=Options(draw=draw)).pick(REQUEST, servers)
    assert asked == [4, 4]


def test_a_server_that_is_quiesced_or_full_is_never_drawn() -> None:
    servers = [server(A, 0), server(B, 2), server(C, 2, overloaded=True)]
    assert {drawing(*pair).pick(REQUEST, servers) for pair in product(range(3), repeat=2)} == {B}


def test_without_a_usable_server_there_is_none() -> None:
    nobody: list[Candidate] = [server(A, 0)]
    assert drawing().pick(REQUEST, nobody) is None
