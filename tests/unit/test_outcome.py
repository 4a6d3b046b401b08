"""Outcomes and what they mean, as values."""

from __future__ import annotations

from carom.outcome import Outcome, Reason


def test_only_one_reason_is_good() -> None:
    assert [reason for reason in Reason if Outcome(reason).ok] == [Reason.OK]
