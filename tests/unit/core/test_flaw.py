"""How paths and values are spelled in a message."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carom.core.flaw import Path, shown, spelled


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("director",), "director"),
        (("service", 0, "reals", 12, "weight"), "service[0].reals[12].weight"),
        (("a b", "c"), '"a b".c'),
        (("a", "b.c"), 'a."b.c"'),
        (("a", ""), 'a.""'),
        (("é",), '"é"'),
        (("\x1b[1m",), '"\\u001b[1m"'),
    ],
)
def test_a_path(path: Path, text: str) -> None:
    assert spelled(path) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("web", '"web"'),
        ('a"b\n', '"a\\"b\\n"'),
        ("x" * 70, f'"{"x" * 57}..."'),
        (True, "true"),
        (-3, "-3"),
        (1.5, "1.5"),
        (float("nan"), "nan"),
        (10**18, "a number of more than 18 digits"),
        ([1], "a list"),
        ({"a": 1}, "a table"),
        (datetime.date(2024, 2, 29), "a date or time"),
    ],
)
def test_a_value(value: Any, text: str) -> None:
    assert shown(value) == text


def test_a_value_that_python_will_not_spell() -> None:
    assert shown(-(16**9999)) == "a number of more than 18 digits"


@given(st.one_of(st.text(), st.integers(), st.floats(), st.lists(st.text())))
def test_a_value_never_hurts_a_terminal(value: Any) -> None:
    assert shown(value).isprintable()
    assert len(shown(value)) < 400
