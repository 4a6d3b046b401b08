"""From many timings to one figure."""

from __future__ import annotations

import pytest

from bench.samples import Figure, Sample, figure, quiet, quiet_limit


def chunks(*pairs: tuple[float, float]) -> list[Sample]:
    return [Sample(*pair) for pair in pairs]


def test_full_speed_is_a_fifth_above_the_fastest_hundredth_of_all_references() -> None:
    one_lucky_reading = [5.0]
    assert quiet_limit(one_lucky_reading + [30.0] * 100 + [45.0] * 99) == pytest.approx(36.0)


def test_only_chunks_between_two_fast_references_count() -> None:
    assert quiet(chunks((30, 60), (37, 200), (36, 61)), limit=36) == [60, 61]


def test_the_figure_is_the_median_of_the_quiet_chunks_with_its_quartiles() -> None:
    samples = chunks((30, 58), (30, 60), (30, 62), (30, 64), (30, 66), (50, 500), (50, 5))
    assert figure(samples, limit=36) == Figure(median=62, low=60, high=64, chunks=5, quiet=True)


def test_without_quiet_chunks_it_is_from_the_least_noisy_and_says_so() -> None:
    samples = chunks((70, 900), (45, 64), (40, 60), (50, 62), (80, 1000))
    assert figure(samples, limit=36) == Figure(median=62, low=61, high=63, chunks=3, quiet=False)


def test_one_chunk_is_a_figure_too() -> None:
    assert figure(chunks((30, 60)), limit=36) == Figure(median=60, low=60, high=60, chunks=1, quiet=False)
