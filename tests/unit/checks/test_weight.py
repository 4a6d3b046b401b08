"""What a service may ask its weight to be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carom.checks.checker import Unmet
from carom.checks.weight import CEILING, weight_answer
from carom.outcome import Reason


@pytest.mark.parametrize(
    ("answer", "weight"),
    [
        (b"75%\n", 0.75),
        (b"up 50%", 0.5),
        (b"UP, 50%", 0.5),
        (b"drain", 0.0),
        (b"maint # disk change", 0.0),
        (b"ready", 1.0),
        (b"9999%", CEILING),
        (b"", None),
        (b"hello world 75", None),
        (b"# 10%", None),
        (b"maxconn:30", None),
    ],
)
def test_an_answer_asks_for_a_factor(answer: bytes, weight: float | None) -> None:
    assert weight_answer(answer) == weight


@pytest.mark.parametrize("answer", [b"down", b"failed # no disk", b"stopped 100%"])
def test_a_service_that_calls_itself_down_is(answer: bytes) -> None:
    with pytest.raises(Unmet) as raised:
        weight_answer(answer)
    assert raised.value.reason is Reason.DOWN


@given(st.binary())
def test_any_answer_is_taken(answer: bytes) -> None:
    try:
        weight = weight_answer(answer)
    except Unmet:
        return
    assert weight is None or 0.0 <= weight <= CEILING
