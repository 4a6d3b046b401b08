"""Duties: done once, tried again less and less often, never in the way."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from math import inf

import pytest

from carom import duty as duties
from carom.duty import Duty, Goal, Troubles
from carom.errors import NetError

GOAL, OTHER = (object(),), (object(),)


class Stage:
    """A duty with a clock that stands still."""

    def __init__(self) -> None:
        self.now = 0.0
        self.troubles = Troubles()
        self.duty = Duty("it cannot be done", lambda: self.now, self.troubles)
        self.attempts = 0
        self.error: Exception | None = None

    async def work(self) -> None:
        self.attempts += 1
        if self.error:
            raise self.error

    def pursue(self, goal: Goal = GOAL) -> None:
        asyncio.run(self.duty.pursue(goal, self.work))


def test_what_is_done_is_not_done_again() -> None:
    stage = Stage()
    stage.pursue()
    stage.pursue()
    assert (stage.attempts, stage.duty.done) == (1, GOAL)


def test_a_goal_with_one_other_part_is_another_goal() -> None:
    stage = Stage()
    stage.pursue()
    stage.pursue(OTHER)
    assert (stage.attempts, stage.duty.done) == (2, OTHER)


def test_what_fails_is_tried_again_at_growing_intervals_and_another_goal_at_once() -> None:
    stage = Stage()
    stage.error = NetError("no netlink")
    times = []
    for _ in range(8):
        stage.pursue()
        times.append(stage.now)
        stage.pursue()  # too early
        stage.now = stage.duty.again_at
    assert [after - before for before, after in pairwise(times)] == [1, 2, 4, 8, 16, 30, 30]
    assert stage.attempts == 8
    stage.pursue(OTHER)
    assert stage.attempts == 9
    assert stage.troubles.sentences == ("it cannot be done: no netlink",)
    assert isinstance(stage.duty.error, NetError)


def test_once_it_goes_well_nothing_is_left_of_the_trouble() -> None:
    stage = Stage()
    stage.error = NetError("no netlink")
    stage.pursue()
    stage.error = None
    stage.now = duties.RETRY_FIRST
    stage.pursue()
    assert (stage.duty.error, stage.duty.again_at, stage.troubles.sentences) == (None, inf, ())


def test_a_goal_that_is_given_up_leaves_what_was_done_before() -> None:
    stage = Stage()
    stage.pursue()
    stage.error = NetError("no netlink")
    stage.pursue(OTHER)
    stage.duty.given_up()
    assert (stage.duty.done, stage.duty.again_at, stage.troubles.sentences) == (GOAL, inf, ())
    assert not stage.duty.due(GOAL)
    assert stage.duty.due(OTHER)


def test_a_defect_is_told_from_a_foreseen_error() -> None:
    troubles = Troubles()
    with troubles.noting("it breaks"):
        raise ZeroDivisionError("division by zero")
    assert troubles.sentences == ("it breaks: ZeroDivisionError: division by zero",)
    with troubles.noting("it breaks"):
        pass
    assert troubles.sentences == ()


def test_a_trouble_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    troubles = Troubles()
    for _ in range(3):
        with troubles.noting("it breaks"):
            raise NetError("no netlink")
    assert [record.getMessage() for record in caplog.records] == ["it breaks: no netlink"]
