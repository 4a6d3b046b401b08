"""Rates: what is counted, per second, over the last second and over the last minute.

Counters are exact and only grow; a rate is the difference of two readings by the time between them. For the minute some
readings are kept, each as a row of numbers, since there may be ten thousand real servers: 240 kB a reading.

One that is new, or has gone and come back, counts from 0: what it counted since is what came, and no rate is below 0.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from carom.model import Address
from carom.ports import Counter, Reading, RealReading

MINUTE = 60.0
"""Seconds over which the slower rates go."""
KEEP_EVERY = 5.0
"""Seconds between two readings that are kept."""
_FIELDS = 3
NOTHING = (0,) * _FIELDS
"""What one has counted that has only just come."""

Name = tuple[str, Address]
"""A real server's service and address."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Per second."""

    packets: float = 0.0
    bytes: float = 0.0
    new_flows: float = 0.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What was counted at one moment."""

    at: float = 0.0
    """The engine's clock."""
    index: Mapping[Name, int] = field(default_factory=dict)
    """Where a real server's numbers stand; samples share it while nobody comes or goes."""
    counts: array[int] = field(default_factory=lambda: array("Q"))
    reasons: Mapping[str, Counter] = field(default_factory=dict)

    def real(self, now: RealReading, at: float) -> Rate:
        """A real server's rate from this moment until that reading."""
        place = self.index.get((now.service, now.address))
        before = NOTHING if place is None else self.counts[place : place + _FIELDS]
        return Rate(*_per_second(before, _counted(now), at - self.at))

    def reason(self, name: str, now: Counter, at: float) -> Rate:
        """The rate of one way for a packet to end."""
        before = self.reasons.get(name)
        if before is None:
            return Rate()
        return reason_rate(now, before, at - self.at)


def sample(reading: Reading, at: float, like: Sample | None = None) -> Sample:
    """A reading as a sample; `like` is one before it."""
    names, counts = [], array("Q")
    for real in reading.reals:
        names.append((real.service, real.address))
        counts.extend((real.counter.packets, real.counter.bytes, real.new_flows))
    if like is not None and len(like.index) == len(names) and all(map(_same, like.index, names)):
        index = like.index
    else:
        index = {name: _FIELDS * number for number, name in enumerate(names)}
    return Sample(at, index, counts, {reason.name: reason.counter for reason in reading.reasons})


def rate(now: RealReading, before: RealReading | None, seconds: float) -> Rate:
    """A real server's rate between two readings; None: it was not there."""
    return Rate(*_per_second(_counted(before) if before else NOTHING, _counted(now), seconds))


def reason_rate(now: Counter, before: Counter, seconds: float) -> Rate:
    return Rate(*_per_second((before.packets, before.bytes), (now.packets, now.bytes), seconds))


class Past:
    """The readings of the last minute, in short."""

    def __init__(self) -> None:
        self._kept: deque[Sample] = deque()

    def add(self, reading: Reading, at: float) -> Sample:
        """Hears of a reading; the sample against which the minute's rates are made: the oldest of the minute."""
        if not self._kept or at - self._kept[-1].at >= KEEP_EVERY:
            self._kept.append(sample(reading, at, self._kept[-1] if self._kept else None))
        while len(self._kept) > 1 and at - self._kept[1].at >= MINUTE:
            self._kept.popleft()
        return self._kept[0]


def _counted(real: RealReading) -> tuple[int, int, int]:
    return real.counter.packets, real.counter.bytes, real.new_flows


def _same(one: Name, other: Name) -> bool:
    """Addresses are compared as objects first: they are the same ones as long as nobody comes or goes."""
    return one[0] == other[0] and (one[1] is other[1] or one[1] == other[1])


def _per_second(before: Iterable[int], now: Iterable[int], seconds: float) -> Iterable[float]:
    """Differences of counters by time. One that is less than before has begun anew."""
    for then, later in zip(before, now, strict=True):
        difference = later - then if later >= then else later
        yield round(difference / seconds, 1) if seconds > 0 else 0.0
