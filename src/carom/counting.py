"""Counting: what the data plane has counted, look by look, and what is kept of it to say how much that is a second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from carom.core.world import World
from carom.events import RealName
from carom.ports import DataPlane, Reading
from carom.rates import Past, Sample
from carom.snapshot import Snapshot

HANDSHAKES_OVER = 30.0
"""Seconds over which handshakes are looked at, at least."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the counters."""

    reading: Reading
    at: float
    """The engine's clock when they were read."""
    minute: Sample
    """The counters of a minute before, or of the first reading."""
    emptied: frozenset[RealName]
    """The real servers that leave and have no flows left."""


class Counting:
    """The looks of one engine."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._minute = Past()
        self._read_at: float | None = None
        self._kept: list[tuple[float, Reading]] = []
        """Two readings at most, HANDSHAKES_OVER apart."""

    def look(self, plane: DataPlane, world: World) -> Look:
        """For a thread: it blocks. One call at a time."""
        reading, at = plane.read(), self._clock()
        return Look(reading, at, self._minute.add(reading, at), _emptied(world, reading))

    def shown(self, snapshot: Snapshot, look: Look) -> Snapshot:
        """The snapshot with what this look has seen."""
        first, apart = self._read_at is None, 0.0 if self._read_at is None else look.at - self._read_at
        self._read_at = look.at
        past_at, past = self._past(look)
        return replace(
            snapshot,
            reading=look.reading,
            earlier=look.reading if first else snapshot.reading,
            apart=apart,
            read_at=look.at,
            minute=look.minute,
            past=past,
            past_at=past_at,
            now=self._clock(),
        )

    def _past(self, look: Look) -> tuple[float, Reading]:
        if not self._kept or look.at - self._kept[-1][0] >= HANDSHAKES_OVER:
            self._kept = [*self._kept[-1:], (look.at, look.reading)]
        return self._kept[0]


def _emptied(world: World, reading: Reading) -> frozenset[RealName]:
    if not world.leaving:
        return frozenset()
    idle = {(real.service, real.address) for real in reading.reals if not real.active and not real.inactive}
    return frozenset(idle & world.leaving.keys())
