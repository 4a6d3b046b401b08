"""A story, told to program and oracle in step: a plan, packets, changes of the plan, time going by.

A story is its name and nothing else: the same name tells the same story, whatever the data planes make of it. Told
fast, verdicts and frames are compared packet by packet, and reasons by the burst; where they differ the story is told
once more, slowly, for the packet at which it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from carom.core.plan import Plan
from tests.fuzz.traffic import Traffic
from tests.fuzz.wishes import Wishes

BEGIN = 1000
"""The second at which a story begins."""
STORY = 4096
"""Packets of a story."""
BURST = 64
"""Packets between two other steps."""
WAITS = (1, 1, 2, 5, 9, 11, 30, 59, 60, 61, 119, 121, 299, 301, 899, 901, 3600, 90_000)


@dataclass(frozen=True, slots=True)
class Send:
    """A burst of packets, each of its kind."""

    packets: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Change:
    plan: Plan


@dataclass(frozen=True, slots=True)
class Wait:
    """It is this second now, and what has ended is swept."""

    until: int


Step = Send | Change | Wait


def story(name: str, packets: int) -> Iterator[Step]:
    """The story of that name, of at least so many packets."""
    chance = Random(name)
    wishes, traffic, now = Wishes(chance), Traffic(chance), BEGIN
    plan = wishes.first()
    yield Change(plan)
    for _ in range(-(-packets // BURST)):
        yield Send(tuple(traffic.next() for _ in range(BURST)))
        lot = chance.random()
        if lot < 0.3:
            plan = wishes.after(plan)
            yield Change(plan)
        elif lot < 0.6:
            now += chance.choice(WAITS)
            yield Wait(now)
