"""Thresholds of a real server: when it has too many flows, and when no longer (ipvsadm's `-x` and `-y`)."""

from __future__ import annotations


def is_overloaded(flows: int, upper: int, lower: int, *, before: bool) -> bool:
    """Whether it is overloaded with so many flows, having been so `before` or not.

    From `upper` flows on it is (0: never), until there are fewer than `lower` (0: three quarters of it); in between
    it stays what it was. Linux's IPVS says the same of edited thresholds since 6.1.192.
    """
    if not upper:
        return False
    if flows >= upper:
        return True
    return before and flows >= (lower or upper - upper // 4)
