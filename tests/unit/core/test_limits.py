"""Thresholds: overloaded from the upper one on, until below the lower one."""

from __future__ import annotations

import pytest

from carom.core.limits import is_overloaded


@pytest.mark.parametrize(
    ("flows", "upper", "lower", "before", "overloaded"),
    [
        (100, 0, 0, True, False),
        (10, 10, 4, False, True),
        (9, 10, 4, False, False),
        (9, 10, 4, True, True),
        (4, 10, 4, True, True),
        (3, 10, 4, True, False),
        (8, 10, 0, True, True),
        (7, 10, 0, True, False),
    ],
)
def test_in_between_it_stays_what_it_was(flows: int, upper: int, lower: int, before: bool, overloaded: bool) -> None:
    assert is_overloaded(flows, upper, lower, before=before) is overloaded
