"""A subject that is measured for hours is what it was at first: no flow of a case before is in the next one's way."""

from __future__ import annotations

from bench.cases import ACK, BY_NAME, SYN, frame
from bench.subjects import Director
from carom.model import Scheduler

CASE = BY_NAME["tcp4_4k"]
FLOWS = 100
ROUND_THE_CLOCK = 73
"""So often the clock jumps by 901 s until a stamp of 16 bits is a few minutes old again."""


def test_what_is_forgotten_does_not_come_back_when_the_clock_has_gone_round() -> None:
    director = Director(Scheduler.WLC)
    director.tick()
    send(director, SYN, ACK)
    assert director.tally()["stray"] == 0
    for _ in range(ROUND_THE_CLOCK):
        assert director.forget(), "nothing is left in its table"
    send(director, ACK)
    assert director.tally()["stray"] == FLOWS


def send(director: Director, *segments: int) -> None:
    """Each client's segments, one after the other."""
    for flow in range(FLOWS):
        for flags in segments:
            director.program(CASE).run(frame(CASE, flow, flags), 1)
