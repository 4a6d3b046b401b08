"""Samples: from many timings on a noisy machine to one figure.

A machine shared with others (or a thread of a core whose other thread is busy) runs slower at times, and nothing says
so. So a fixed piece of work, the reference, is timed right before and after every chunk of packets: only chunks
between two fast references count, and the figure is their median.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

SLACK = 1.2
"""How much slower than the machine's full speed a quiet reference may be; a busy neighbour costs 35 % and more."""
FEWEST = 3
"""Quiet chunks that make a figure worth trusting."""


class Sample(NamedTuple):
    """One chunk."""

    reference: float
    """The slower of the references before and after it, nanoseconds."""
    cost: float
    """Nanoseconds per packet."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What a packet costs, nanoseconds."""

    median: float
    low: float
    """The first quartile."""
    high: float
    """The third."""
    chunks: int
    """How many samples it was made from."""
    quiet: bool
    """False: the machine was never quiet for long enough, so this is from the least noisy chunks there were."""


def quiet_limit(references: Sequence[float]) -> float:
    """The slowest reference that counts as full speed, given all references of the run."""
    ordered = sorted(references)
    return SLACK * ordered[len(ordered) // 100]


def quiet(samples: Iterable[Sample], limit: float) -> list[float]:
    """The costs of the chunks that were taken at full speed."""
    return [sample.cost for sample in samples if sample.reference <= limit]


def figure(samples: Sequence[Sample], limit: float) -> Figure:
    """The figure of at least one sample."""
    costs = quiet(samples, limit)
    is_quiet = len(costs) >= FEWEST
    if not is_quiet:
        costs = [sample.cost for sample in sorted(samples)[: max(FEWEST, len(samples) // 5)]]
    if len(costs) == 1:
        return Figure(costs[0], costs[0], costs[0], 1, is_quiet)
    low, median, high = statistics.quantiles(costs, n=4, method="inclusive")
    return Figure(median, low, high, len(costs), is_quiet)
