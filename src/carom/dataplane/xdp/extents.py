"""Places in an array that variable-sized tables live in: first fit, and a rest before a place is used again.

A place that was given back may still be read by a packet on its way through the program, or by a cursor; so it rests
for `REST` seconds, thousands of times longer than any packet takes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from carom.errors import DataPlaneError

REST = 1.0
"""Seconds."""


@dataclass(slots=True)
class Extents:
    """The free places of one array. `now` is any monotonic clock, in seconds."""

    what: str
    size: int
    used: dict[int, int] = field(default_factory=dict)
    """Start to length."""
    resting: list[tuple[float, int]] = field(default_factory=list)
    """When it was given back, and its start; oldest first."""

    def take(self, length: int, now: float) -> int:
        """The start of `length` free entries. Raises DataPlaneError where no such gap is left."""
        if not length:
            return 0
        self._wake(now)
        end = 0
        for start in sorted(self.used):
            if start - end >= length:
                break
            end = start + self.used[start]
        if end + length > self.size:
            raise DataPlaneError(f"the data plane's {self.what} are full: {length} more do not fit into {self.size}")
        self.used[end] = length
        return end

    def hold(self, start: int, length: int) -> None:
        """Marks what is found in use."""
        if length:
            self.used[start] = length

    def give_back(self, start: int, length: int, now: float) -> None:
        if length:
            self.resting.append((now, start))

    def _wake(self, now: float) -> None:
        while self.resting and now - self.resting[0][0] >= REST:
            del self.used[self.resting.pop(0)[1]]
