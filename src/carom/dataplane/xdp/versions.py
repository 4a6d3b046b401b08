"""One service's version: the frozen state that its packets see, and how the next one grows out of it.

Pure: from a `ServicePlan` and the version before to the next. `tables` writes what comes out into the maps.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import accumulate
from math import gcd, lcm

from carom.core.health import HEAVIEST
from carom.core.plan import RealPlan, ServicePlan
from carom.core.slots import HASHED, fallback_table, falls_back, hash_table, hashes_port, table_size, tracks_all
from carom.dataplane.xdp.layout import (
    CONTENDER_PLACE_BITS,
    SCAN_MEMBERS,
    SLOT_TRACKED,
    VERSION_BUCKETS,
    VERSION_CONTENDERS,
    VERSION_EQUAL,
    VERSION_FALLS_BACK,
    VERSION_HASHES_PORT,
    VERSION_HASHES_VIP,
    VERSION_ONE_PACKET,
    VERSION_TRACKS_ALL,
    VERSION_UNREACHABLE,
    slot,
    slot_before,
    slot_now,
)
from carom.model import OnNoReal, Scheduler

_LEAST = frozenset({Scheduler.LC, Scheduler.WLC, Scheduler.SED, Scheduler.NQ})
"""Schedulers that compare every member's load for its weight."""
_CONTENDING = _LEAST | {Scheduler.OVF, Scheduler.TWOS}
"""Schedulers that look at every member that may get new flows."""


@dataclass(frozen=True, slots=True)
class VersionPlan:
    """What the maps shall say of one service."""

    scheduler: Scheduler
    flags: int
    """`VERSION_...` of the layout."""
    members: tuple[tuple[int, int], ...]
    """Real id and weight, in the order in which they were added; (0, 0): the place of one that is gone."""
    slots: array[int]
    """The consistent-hash table, 64-bit words; empty where no real server is up, and no flow is to be looked for."""
    persistence: int = 0
    mask: bytes = bytes(16)
    """What of a client's address makes it one client; IPv4 in the first four bytes."""

    @property
    def tracks_all(self) -> bool:
        return bool(self.flags & VERSION_TRACKS_ALL)

    @property
    def has_entries(self) -> bool:
        """Whether flows of it may have entries."""
        return self.tracks_all or any(word & SLOT_TRACKED for word in self.slots)

    @property
    def hash(self) -> tuple[Scheduler, int, int]:
        """By which a client finds its slot."""
        return self.scheduler, self.flags & VERSION_HASHES_PORT, len(self.slots)

    def leaves(self, before: VersionPlan) -> bool:
        """Whether flows without entries, which that version's hash finds, are not found by this one's."""
        return not before.tracks_all and bool(before.slots) and (self.tracks_all or self.hash != before.hash)

    @property
    def weights(self) -> tuple[int, ...]:
        return tuple(weight for _, weight in self.members if weight)

    @property
    def contenders(self) -> tuple[tuple[int, int], ...]:
        """From whom the program chooses without looking at members: real id, and by what they are compared
        (`struct contender`).
        """
        listed = [(real, weight) for real, weight in reversed(self.members) if weight]
        if not self.flags & VERSION_CONTENDERS or not listed:
            return ()
        match self.scheduler:
            case Scheduler.FO:
                return (max(listed, key=_weight),)
            case Scheduler.OVF:
                return tuple(sorted(listed, key=_weight, reverse=True))
            case Scheduler.TWOS:
                return tuple(zip((real for real, _ in listed), accumulate(map(_weight, listed)), strict=True))
            case _:
                whole = 1 if self.flags & VERSION_EQUAL else lcm(*self.weights)
                return tuple((real, (whole // weight or 1) << CONTENDER_PLACE_BITS) for real, weight in listed)

    @property
    def weight_gcd(self) -> int:
        return gcd(*self.weights) if self.weights else 0

    @property
    def weight_max(self) -> int:
        """The highest level of wrr; 0 when nothing can be scheduled."""
        return max(self.weights) - (self.weight_gcd - 1) if self.weights else 0

    def position_after_change(self, before: VersionPlan, position: int) -> int:
        """rr's position in this version: the same, unless empty places below it have gone.

        Where nobody is left at its place or before it, it stands before the head, whoever is there now.
        """
        below = {real for real, _ in before.members[:position] if real}
        if not any(real for real, _ in before.members[position:]):
            return len(self.members)
        if len(self.members) >= len(before.members) and all(
            real in (0, old) for (real, _), (old, _) in zip(self.members, before.members, strict=False)
        ):
            return position
        return sum(real in below for real, _ in self.members)

    def level_after_change(self, level: int) -> int:
        """wrr's level where this version begins: as near to the one before it as the new weights have it."""
        if not level or level > self.weight_max:
            return self.weight_max
        return level // self.weight_gcd * self.weight_gcd + 1 if self.weight_gcd > 1 else level


Number = Callable[[RealPlan], int]
"""The id of one of the service's real servers."""
LastWeight = Callable[[RealPlan], int]


def next_version(
    service: ServicePlan,
    before: VersionPlan | None,
    number: Number,
    last_weight: LastWeight,
    *,
    inherits: bool = False,
) -> VersionPlan:
    """The version that makes `service` true after `before`, in which every flow stays where it is.

    `inherits`: it gets a port of another service, whose flows are looked for one by one.
    """
    everyone = (*service.reals, service.sorry) if service.sorry else service.reals
    reals = {number(real): real for real in everyone}
    open_to_new = {number(real) for real in schedulable(service)}
    members = _members({id_: real.weight if id_ in open_to_new else 0 for id_, real in reals.items()}, before)
    listed = [reals[id_] for id_, _ in reversed(members) if id_ in open_to_new]
    if service.scheduler in HASHED:
        size = len(before.slots) if before and not before.tracks_all else 0
        table = hash_table(service, listed, [last_weight(real) for real in listed], size)
        numbers = [number(real) if real.weight else 0 for real in listed]
        now = [numbers[place] for place in table]
        slots = array("Q", now) if tracks_all(service) else _keep_flows(service, now, before, inherits)
    else:
        listed = [real for real in listed if real.weight]
        numbers = [number(real) for real in listed]
        slots = array("Q", (numbers[place] for place in fallback_table(service, listed)))
    flags = _flags(service) | _contending(service.scheduler, members)
    return VersionPlan(service.scheduler, flags, members, slots, service.persistence, _mask(service))


def _contending(scheduler: Scheduler, members: tuple[tuple[int, int], ...]) -> int:
    """Whether the program may choose without looking at members: exactly, and without an overflow."""
    weights = {weight for _, weight in members if weight}
    if scheduler is Scheduler.FO:
        return VERSION_CONTENDERS | VERSION_EQUAL
    if scheduler not in _CONTENDING or len(members) > SCAN_MEMBERS:
        return 0
    if scheduler in _LEAST and lcm(*weights) > HEAVIEST:
        return 0
    equal = scheduler is Scheduler.LC or (scheduler is Scheduler.WLC and len(weights) < 2)
    return VERSION_CONTENDERS | (VERSION_EQUAL if equal else 0)


def computed_again(plan: VersionPlan) -> VersionPlan:
    """One that was carried over from another layout, whose contenders are this layout's matter."""
    flags = plan.flags & ~(VERSION_CONTENDERS | VERSION_EQUAL | VERSION_HASHES_VIP | VERSION_BUCKETS)
    return replace(plan, flags=flags | _hashing(plan.scheduler) | _contending(plan.scheduler, plan.members))


def _hashing(scheduler: Scheduler) -> int:
    """How packets find their slot, but for the port."""
    return (VERSION_HASHES_VIP if scheduler is Scheduler.DH else 0) | (
        VERSION_BUCKETS if scheduler in (Scheduler.DH, Scheduler.SH) else 0
    )


def _weight(member: tuple[int, int]) -> int:
    return member[1]


def _mask(service: ServicePlan) -> bytes:
    bits = service.vip.max_prefixlen
    ones = (1 << bits) - (1 << bits - service.persistence_mask) if service.persistence else 0
    return ones.to_bytes(bits // 8).ljust(16, b"\0")


def _flags(service: ServicePlan) -> int:
    return (
        _hashing(service.scheduler)
        | (VERSION_TRACKS_ALL if tracks_all(service) else 0)
        | (VERSION_HASHES_PORT if hashes_port(service) else 0)
        | (VERSION_FALLS_BACK if falls_back(service) else 0)
        | (VERSION_ONE_PACKET if service.one_packet else 0)
        | (VERSION_UNREACHABLE if service.on_no_real is OnNoReal.UNREACHABLE else 0)
    )


def schedulable(service: ServicePlan) -> list[RealPlan]:
    """Who stands in the scheduler's list: while the sorry server serves, it alone."""
    return [real for real in ((service.sorry,) if service.sorry else service.reals) if real.schedulable]


def _members(weights: dict[int, int], before: VersionPlan | None) -> tuple[tuple[int, int], ...]:
    """Who was there keeps its place, who is new comes last; empty places go when they are the greater part."""
    places = [real if real in weights else 0 for real, _ in before.members] if before else []
    if places.count(0) * 2 > len(places):
        places = [real for real in places if real]
    known = set(places)
    places += [real for real in weights if real not in known]
    return tuple((real, weights.get(real, 0)) for real in places)


def _keep_flows(service: ServicePlan, table: list[int], before: VersionPlan | None, inherits: bool) -> array[int]:
    """A slot that changes remembers where its flows are, so that only flows that are seen to begin go elsewhere."""
    if _comes_anew(service, before, inherits):  # every flow is looked for, also while nobody is there
        return array("Q", (slot(now, now, tracked=True) for now in table or [0] * table_size(service)))
    if before is None or not before.slots:
        return array("Q", table)
    table = table or [0] * len(before.slots)
    return array("Q", (_next_slot(old, now, inherits) for old, now in zip(before.slots, table, strict=True)))


def _comes_anew(service: ServicePlan, before: VersionPlan | None, inherits: bool) -> bool:
    """Whether flows come to a hash that it has not led to where they are."""
    if before is None or not (before.slots or before.tracks_all):
        return inherits
    by_port = bool(before.flags & VERSION_HASHES_PORT)
    return before.tracks_all or (before.scheduler, by_port) != (service.scheduler, hashes_port(service))


def _next_slot(old: int, now: int, inherits: bool) -> int:
    if slot_now(old) == now and (old & SLOT_TRACKED or not inherits):
        return old
    return slot(now, slot_before(old) if old & SLOT_TRACKED else slot_now(old), tracked=True)
