"""A place in the list that outlives its server."""

from __future__ import annotations

from carom.dataplane.fake.schedulers.ring import Ring
from tests.unit.dataplane.fake.schedulers.cast import A, B, C, D, weighing


def after(ring: Ring) -> list[int]:
    return [candidate.id for candidate in ring.after(weighing(1, 1, 1, 1))]


def test_a_round_begins_at_the_head() -> None:
    ring = Ring()
    ring.changed([A, B, C, D])
    assert after(ring) == [A, B, C, D]


def test_a_round_begins_after_the_last_and_ends_with_it() -> None:
    ring = Ring()
    ring.changed([A, B, C, D])
    ring.last = B
    assert after(ring) == [C, D, A, B]


def test_when_the_last_is_taken_out_the_one_before_it_takes_its_place() -> None:
    ring = Ring()
    ring.changed([A, B, C, D])
    ring.last = C
    ring.changed([A, B, D])
    assert ring.last == B


def test_when_several_are_taken_out_the_nearest_before_them_is_found() -> None:
    ring = Ring()
    ring.changed([A, B, C, D])
    ring.last = C
    ring.changed([A, D])
    assert ring.last == A


def test_when_none_before_it_is_left_the_round_begins_at_the_head() -> None:
    ring = Ring()
    ring.changed([A, B, C, D])
    ring.last = B
    ring.changed([C, D])
    assert ring.last is None
