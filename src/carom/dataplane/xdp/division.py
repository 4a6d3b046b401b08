"""Division by a number that is known beforehand, as a multiplication: the packet program divides each hash so."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

HASH_BITS = 32


@dataclass(frozen=True, slots=True)
class Division:
    """The quotient of a number below 2^32 is `(number * factor + addend) >> shift`; no step leaves 64 bits.

    Source: A. D. Robison, "N-bit unsigned division via N-bit multiply-add", 2005.
    """

    factor: int
    addend: int
    shift: int


@cache
def division_by(divisor: int) -> Division:
    """By a number from 1 to 2^32 - 1; by 0: whatever is divided, the quotient is 0."""
    if not divisor:
        return Division(0, 0, HASH_BITS)
    power = divisor.bit_length() - 1
    shift = HASH_BITS + power
    above = -(-(1 << shift) // divisor)
    if above * divisor - (1 << shift) <= 1 << power:
        return Division(above, 0, shift)
    return Division(above - 1, above - 1, shift)
