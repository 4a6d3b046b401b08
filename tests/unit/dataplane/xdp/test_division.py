"""Division by a known number: the quotient of every hash, in 64 bits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carom.core.maglev import PRIMES
from carom.dataplane.xdp.division import division_by

LARGEST = (1 << 32) - 1


def quotient(number: int, divisor: int) -> int:
    by = division_by(divisor)
    scaled = number * by.factor + by.addend
    assert scaled < 1 << 64
    return scaled >> by.shift


@given(st.integers(0, LARGEST), st.integers(1, LARGEST))
def test_any_number_is_divided_exactly(number: int, divisor: int) -> None:
    assert quotient(number, divisor) == number // divisor


@pytest.mark.parametrize("divisor", [1, 2, 3, 256, *PRIMES.values(), LARGEST])
def test_so_it_is_on_both_sides_of_a_multiple(divisor: int) -> None:
    for multiple in {divisor, LARGEST // divisor * divisor, LARGEST // divisor // 2 * divisor}:
        for number in (multiple - 1, multiple, multiple + 1):
            if 0 <= number <= LARGEST:
                assert quotient(number, divisor) == number // divisor


def test_by_nothing_the_quotient_is_0() -> None:
    assert quotient(LARGEST, 0) == 0
