"""The table of what a fuzz made and how it ended."""

from __future__ import annotations

from collections import Counter

from tests.fuzz.duet import Tally
from tests.fuzz.report import table


def test_kinds_down_and_reasons_across() -> None:
    ends = Counter({("segment", "forwarded"): 70_000, ("echo", "echo_answered"): 29_999, ("echo", "malformed"): 1})
    assert list(table(Tally(packets=100_000, ends=ends))) == [
        "forwarded             70,000   70.0 %",
        "echo_answered         29,999   30.0 %",
        "malformed                  1    0.0 %",
        "",
        "of 10,000  forwarded  echo_answered  malformed",
        "segment         7000",
        "echo                           3000          +",
    ]
