"""Places for tables in an array: taken, given back, rested."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carom.dataplane.xdp.extents import REST, Extents
from carom.errors import DataPlaneError


def test_places_follow_each_other() -> None:
    extents = Extents("slots", 10)
    assert [extents.take(4, 0), extents.take(3, 0), extents.take(3, 0)] == [0, 4, 7]


def test_what_does_not_fit_is_refused_and_changes_nothing() -> None:
    extents = Extents("slots", 10)
    extents.take(8, 0)
    with pytest.raises(DataPlaneError, match="slots are full: 3 more do not fit into 10"):
        extents.take(3, 0)
    assert extents.take(2, 0) == 8


def test_a_place_given_back_rests_before_it_is_taken_again() -> None:
    extents = Extents("slots", 10)
    start = extents.take(10, 0)
    extents.give_back(start, 10, now=5)
    with pytest.raises(DataPlaneError):
        extents.take(10, now=5 + REST / 2)
    assert extents.take(10, now=5 + REST) == 0


def test_a_gap_between_places_is_used() -> None:
    extents = Extents("slots", 10)
    extents.hold(0, 2)
    extents.hold(5, 5)
    assert extents.take(3, 0) == 2


def test_no_length_takes_no_place() -> None:
    extents = Extents("slots", 1)
    extents.take(1, 0)
    assert extents.take(0, 0) == 0
    extents.give_back(0, 0, 0)
    assert extents.resting == []


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 9)), max_size=60))
def test_places_never_overlap(steps: list[tuple[bool, int]]) -> None:
    extents, held, now = Extents("slots", 64), dict[int, int](), 0.0
    for take, length in steps:
        now += REST / 3
        if take:
            try:
                start = extents.take(length, now)
            except DataPlaneError:
                continue
            assert all(start + length <= other or other + size <= start for other, size in held.items())
            assert start + length <= 64
            held[start] = length
        elif held:
            start, size = held.popitem()
            extents.give_back(start, size, now)
