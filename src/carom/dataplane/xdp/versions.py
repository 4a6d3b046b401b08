"""One service's version: the frozen state that its packets see, and how the next one grows out of it.

Pure: from a `ServicePlan` and the version before to the next. `tables` writes what comes out into the maps.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import gcd

from carom.core.maglev import PRIMES, Server, maglev_table
from carom.core.plan import RealPlan, ServicePlan
from carom.dataplane.xdp.layout import SLOT_TRACKED, slot, slot_before, slot_now
from carom.model import Scheduler

UNTRACKED = frozenset({Scheduler.MH})
"""Schedulers whose flows need no entry while nothing changes: the client's hash finds the real server again."""
_MH_INDEX = 12
"""IPVS's table size as distributions build it, 4093 slots; larger where real servers are many."""


@dataclass(frozen=True, slots=True)
class VersionPlan:
    """What the maps shall say of one service."""

    scheduler: Scheduler
    members: tuple[tuple[int, int], ...]
    """Real id and weight, in the order in which they were added; (0, 0): the place of one that is gone."""
    slots: array[int]
    """The consistent-hash table, 64-bit words; empty where no real server is up."""

    @property
    def tracks_all(self) -> bool:
        return self.scheduler not in UNTRACKED

    @property
    def weights(self) -> tuple[int, ...]:
        return tuple(weight for _, weight in self.members if weight)

    @property
    def weight_gcd(self) -> int:
        return gcd(*self.weights) if self.weights else 0

    @property
    def weight_max(self) -> int:
        """The highest level of wrr; 0 when nothing can be scheduled."""
        return max(self.weights) - (self.weight_gcd - 1) if self.weights else 0


Number = Callable[[RealPlan], int]
"""The id of one of the service's real servers."""
LastWeight = Callable[[RealPlan], int]


def next_version(
    service: ServicePlan, before: VersionPlan | None, number: Number, last_weight: LastWeight
) -> VersionPlan:
    """The version that makes `service` true after `before`, in which every flow stays where it is."""
    reals = {number(real): real for real in service.reals}
    members = _members(reals, before)
    listed = [reals[real] for real, _ in reversed(members) if real and reals[real].schedulable]
    if service.scheduler in UNTRACKED:
        servers = tuple(Server(real.address, _port(service), last_weight(real)) for real in listed)
        table = maglev(servers, _mh_index(len(servers), before))
        now = [number(listed[place]) if listed[place].weight else 0 for place in table]
        slots = _keep_flows(now, before)
    else:
        listed = [real for real in listed if real.weight]
        servers = tuple(Server(real.address, _port(service), real.weight) for real in listed)
        slots = array("Q", (number(listed[place]) for place in maglev(servers, _fallback_index(len(servers)))))
    return VersionPlan(service.scheduler, members, slots)


maglev = lru_cache(maxsize=256)(maglev_table)
"""A change of one weight, or of one service, makes one table."""


def _members(reals: dict[int, RealPlan], before: VersionPlan | None) -> tuple[tuple[int, int], ...]:
    """Who was there keeps its place, who is new comes last; empty places go when they are the greater part."""
    places = [real if real in reals else 0 for real, _ in before.members] if before else []
    if places.count(0) * 2 > len(places):
        places = [real for real in places if real]
    known = set(places)
    places += [real for real in reals if real not in known]
    return tuple((real, reals[real].weight if real and reals[real].schedulable else 0) for real in places)


def _port(service: ServicePlan) -> int:
    """IPVS hashes a server by its own port: the service's, or 0 where one service has several."""
    single = len(service.ports) == 1 and service.ports[0].first == service.ports[0].last
    return service.ports[0].first if single else 0


def _mh_index(servers: int, before: VersionPlan | None) -> int:
    """A service keeps the size it began with, since flows are found by it."""
    if before and not before.tracks_all and before.slots:
        return next(index for index, size in PRIMES.items() if size == len(before.slots))
    return _index_for(servers * 10, _MH_INDEX)


def _fallback_index(servers: int) -> int:
    return _index_for(servers * 4, min(PRIMES))


def _index_for(slots: int, least: int) -> int:
    return next((index for index, size in PRIMES.items() if index >= least and size >= slots), max(PRIMES))


def _keep_flows(table: list[int], before: VersionPlan | None) -> array[int]:
    """A slot that changes remembers where its flows are, so that only flows that are seen to begin go elsewhere."""
    if before is None or not before.slots:
        return array("Q", table)
    if before.tracks_all:  # every flow has an entry, and is looked for
        return array("Q", (slot(now, now, tracked=True) for now in table))
    table = table or [0] * len(before.slots)
    return array("Q", (_next_slot(old, now) for old, now in zip(before.slots, table, strict=True)))


def _next_slot(old: int, now: int) -> int:
    if slot_now(old) == now:
        return old
    return slot(now, slot_before(old) if old & SLOT_TRACKED else slot_now(old), tracked=True)
