"""Rates are differences of exact counters by time, over a second and over a minute."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from carom.ports import Counter, Reading, RealReading, ReasonReading
from carom.rates import KEEP_EVERY, MINUTE, Past, Rate, rate, reason_rate, sample

ONE, TWO = ip_address("192.168.76.31"), ip_address("192.168.76.32")
LARGE = 1 << 60


def real(packets: int, address: object = ONE) -> RealReading:
    return RealReading("web", address, Counter(packets, 100 * packets), packets // 10, 0, 0)  # type: ignore[arg-type]


def reading(*reals: RealReading, dropped: int = 0) -> Reading:
    return Reading(reals, (ReasonReading("no_real", "", normal=False, counter=Counter(dropped, 60 * dropped)),))


def test_a_difference_is_exact_however_large_the_counters_are() -> None:
    before = RealReading("web", ONE, Counter(LARGE, LARGE), LARGE, 0, 0)
    now = RealReading("web", ONE, Counter(LARGE + 3, LARGE + 200), LARGE + 1, 0, 0)
    assert rate(now, before, 2.0) == Rate(1.5, 100.0, 0.5)
    assert sample(reading(before), 10.0).real(now, 12.0) == Rate(1.5, 100.0, 0.5)


def test_no_rate_is_below_0_and_none_is_made_in_no_time() -> None:
    assert rate(real(50), real(900), 1.0) == Rate(50.0, 5000.0, 5.0)
    assert rate(real(50), real(10), 0.0) == Rate()
    assert reason_rate(Counter(5, 300), Counter(9, 540), 1.0) == Rate(5.0, 300.0)


def test_who_was_not_there_has_counted_from_nothing() -> None:
    assert sample(reading(real(1)), 0.0).real(real(90, TWO), 10.0) == Rate(9.0, 900.0, 0.9)
    assert rate(real(90, TWO), None, 10.0) == Rate(9.0, 900.0, 0.9)
    assert sample(Reading(), 0.0).reason("no_real", Counter(9, 9), 10.0) == Rate()


def test_a_minute_goes_back_a_minute() -> None:
    past = Past()
    oldest = [past.add(reading(real(10 * second), dropped=second), float(second)).at for second in range(200)]
    assert oldest[:61] == [0.0] * 61, "as far as is known"
    assert all(MINUTE <= second - at < MINUTE + KEEP_EVERY for second, at in enumerate(oldest) if second >= 60)
    last = past.add(reading(real(2000)), 200.0)
    assert last.real(real(2000), 200.0) == Rate(10.0, 1000.0, 1.0)
    assert last.reason("no_real", Counter(200, 12_000), 200.0) == Rate(1.0, 60.0)


def test_what_is_kept_is_little() -> None:
    past = Past()
    for second in range(300):
        past.add(reading(real(second)), float(second))
    assert len(past._kept) <= MINUTE / KEEP_EVERY + 2


def test_samples_share_the_names_while_nobody_comes_or_goes() -> None:
    first = sample(reading(real(1), real(2, TWO)), 0.0)
    assert sample(reading(real(3), real(4, TWO)), 5.0, first).index is first.index
    for other in (
        reading(real(3)),
        reading(real(3, TWO), real(4)),
        reading(real(3), replace(real(4, TWO), service="dns")),
    ):
        changed = sample(other, 5.0, first)
        assert changed.index is not first.index
        assert all(changed.real(one, 6.0) == Rate() for one in other.reals), "it has its own numbers"


@pytest.mark.parametrize("count", [10_000])
def test_ten_thousand_real_servers_are_kept_in_a_row_of_numbers(count: int) -> None:
    many = reading(*(real(number, ip_address(0x0A000000 + number)) for number in range(count)))
    kept = sample(many, 0.0)
    assert kept.counts.itemsize * len(kept.counts) == 24 * count
    assert kept.real(real(count + 8, ip_address(0x0A000000 + count - 1)), 1.0).packets == 9.0
