"""Waiting for a condition."""

from __future__ import annotations

import time

from carom.lab.wait import until


def test_it_returns_what_the_condition_answers_at_last() -> None:
    answers = iter([None, "", "ready"])
    assert until(lambda: next(answers), 5) == "ready"


def test_it_gives_up_at_the_deadline() -> None:
    began = time.monotonic()
    assert until(lambda: None, 0.05) is None
    assert 0.05 <= time.monotonic() - began < 2


def test_it_asks_at_least_once() -> None:
    assert until(lambda: "at once", 0) == "at once"
