"""What schedulers share: overhead, and the least loaded."""

from __future__ import annotations

from carom.dataplane.fake.schedulers.base import least, overhead
from tests.unit.dataplane.fake.schedulers.cast import A, B, C, server


def test_an_active_flow_costs_256_inactive_ones() -> None:
    assert overhead(server(A, active=3, inactive=7)) == 775


def test_least_divides_by_the_weight_without_rounding() -> None:
    heavier = server(A, 65535, active=2**31)
    lighter = server(B, 65534, active=2**31)
    assert least([lighter, heavier], overhead) == heavier


def test_of_equals_the_first_is_least() -> None:
    assert least([server(A, 2, active=4), server(B, 1, active=2)], overhead) == server(A, 2, active=4)


def test_who_is_quiesced_or_full_is_not_asked() -> None:
    assert least([server(A, 0), server(B, overloaded=True), server(C, active=9)], overhead) == server(C, active=9)
    assert least([server(A, 0)], overhead) is None
