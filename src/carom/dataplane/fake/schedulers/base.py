"""The words of the schedulers: what is asked, who may be chosen, and the one method that chooses."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from carom.model import Address, Protocol, SchedulerFlag


@dataclass(frozen=True, slots=True)
class Request:
    """A new flow that needs a server."""

    client: Address
    client_port: int
    vip: Address
    vport: int
    protocol: Protocol = Protocol.TCP
    now: float = 0.0
    """Seconds of any steady clock; only `lblc` and `lblcr` look at it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A server of the service at the moment of choosing.

    Candidates always come in list order: the head first, which is the server added last.
    """

    id: int
    """Which server; the same as long as it is configured, and again if it is taken out and comes back."""
    address: Address
    weight: int
    """0: quiesced, never chosen."""
    port: int = 0
    """Its port as IPVS would have it, hashed into `mh`'s table: the service's port, 0 for a service of several."""
    active: int = 0
    inactive: int = 0
    overloaded: bool = False
    """It reached its upper threshold and has not yet fallen below its lower one."""

    last_weight: int = 0
    """Its last weight that was not 0, where that is known better than by what the scheduler was told."""

    @property
    def usable(self) -> bool:
        return self.weight > 0 and not self.overloaded


Overhead = Callable[[Candidate], int]
"""What a server's flows cost it."""


def overhead(candidate: Candidate) -> int:
    """An active flow costs as much as 256 inactive ones."""
    return candidate.active * 256 + candidate.inactive


@dataclass(frozen=True, slots=True)
class Options:
    """What a scheduler is made with."""

    flags: frozenset[SchedulerFlag] = frozenset()
    overhead: Overhead = overhead
    draw: Callable[[int], int] = random.randrange
    """A random whole number from 0 to below its argument; only `twos` draws."""

    def with_flags(self, flags: frozenset[SchedulerFlag]) -> Options:
        return replace(self, flags=flags)


class Rule(ABC):
    """A scheduler with its state, for one service."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def changed(self, candidates: Sequence[Candidate]) -> None:  # noqa: B027  most schedulers keep nothing of the list
        """Hear that servers were added, edited or taken out. `candidates` is the whole list as it is now."""

    @abstractmethod
    def pick(self, request: Request, candidates: Sequence[Candidate]) -> int | None:
        """Choose the server for a new flow; None when none is fit for it. The list is that of the last `changed`."""


def least(candidates: Iterable[Candidate], load: Callable[[Candidate], int]) -> Candidate | None:
    """The usable server with the least load for its weight; of equals the first.

    Loads are compared by cross-multiplication in 64 bits, so nothing is rounded.
    """
    best: Candidate | None = None
    for candidate in filter(_usable, candidates):
        if best is None or load(best) * candidate.weight > load(candidate) * best.weight:
            best = candidate
    return best


def _usable(candidate: Candidate) -> bool:
    return candidate.usable
