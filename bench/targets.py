"""The targets: what Carom promises to cost, as ratios to the floors of the same run.

Own cost is what a packet costs above a program that only drops it. Schedulers that hash need no entry for most flows;
those that count do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]
"""What `./dev bench --json` prints: floors[CASE][FLOOR] and carom[SCHEDULER][CASE], nanoseconds per packet.

A scheduler in another build of the program is `SCHEDULER@BUILD`.
"""

HASHING = frozenset({"mh", "sh", "dh"})


@dataclass(frozen=True, slots=True)
class Target:
    """One promise."""

    case: str
    against: str
    """A floor of the same case, or another case of the same scheduler; empty: the limits are nanoseconds."""
    hashing: float
    counting: float


TARGETS = (
    Target("tcp4_hot", "hash_lru", 1.0, 1.2),
    Target("tcp4_128k", "hash_lru", 0.2, 0.5),
    Target("tcp4_512k", "hash_lru", 0.2, 0.5),
    Target("tcp4_512k", "tcp4_hot", 1.3, 4.0),
    Target("tcp4_syn", "lru_insert", 0.15, 0.4),
    Target("udp4_128k", "hash_lru", 0.3, 0.6),
    Target("tcp6_128k", "hash_lru", 0.3, 0.6),
    Target("pass4", "", 35, 35),
)
FLOOR_OF = {target.case: target.against for target in TARGETS if target.against.startswith("lru")}
"""The floor that a case's own cost is compared with, where that is not hash_lru."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a promise was kept."""

    target: Target
    limit: float
    measured: float

    @property
    def is_met(self) -> bool:
        return self.measured <= self.limit


def floor_cost(document: Document, case: str, floor: str) -> float:
    """A floor's own cost, nanoseconds."""
    floors = document["floors"][case]
    return float(floors[floor] - floors["drop"])


def own_cost(document: Document, scheduler: str, case: str) -> float:
    """Carom's own cost, nanoseconds."""
    return float(document["carom"][scheduler][case] - document["floors"][case]["drop"])


def ratio(document: Document, scheduler: str, case: str) -> float:
    """Carom's own cost by that of the floor which the case is compared with."""
    return own_cost(document, scheduler, case) / floor_cost(document, case, FLOOR_OF.get(case, "hash_lru"))


def verdicts(document: Document, scheduler: str) -> Iterator[Verdict]:
    """How this scheduler stands to each target whose cases were measured."""
    measured = document["carom"][scheduler]
    for target in TARGETS:
        if target.case not in measured:
            continue
        limit = target.hashing if scheduler.partition("@")[0] in HASHING else target.counting
        own = own_cost(document, scheduler, target.case)
        if not target.against:
            yield Verdict(target, limit, own)
        elif target.against in document["floors"][target.case]:
            yield Verdict(target, limit, own / floor_cost(document, target.case, target.against))
        elif target.against in measured:
            yield Verdict(target, limit, own / own_cost(document, scheduler, target.against))
