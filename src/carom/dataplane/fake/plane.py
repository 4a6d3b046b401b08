"""The fake data plane as the engine knows it, and the state that `walk` reads and changes."""

from __future__ import annotations

from collections import Counter as Tally
from dataclasses import dataclass, field
from itertools import count

from carom.core.plan import Plan, RealPlan, ServicePlan
from carom.core.slots import fallback_table, hashed_port, mh_table
from carom.dataplane.fake.flows import Flows
from carom.dataplane.fake.schedulers import Candidate, Rule, make
from carom.model import Address, Scheduler
from carom.ports import Attachment, Counter, Reading, RealReading, ReasonReading

UNTRACKED = frozenset({Scheduler.MH})
"""Schedulers whose flows are found again by hash, and need no entry while nothing changes."""


@dataclass(slots=True)
class Slot:
    """One slot of the consistent-hash table; None: nobody."""

    now: Address | None
    before: Address | None = None
    """Where the flows are that began before the slot changed."""
    tracked: bool = False
    """It changed while flows may have been in it, so flows in it are given entries."""


@dataclass(slots=True)
class Service:
    """One service as packets meet it."""

    plan: ServicePlan
    rule: Rule
    order: list[Address] = field(default_factory=list)
    """Real servers in the order in which they were added."""
    slots: list[Slot] = field(default_factory=list)
    candidates: tuple[Candidate, ...] = ()

    @property
    def tracks_all(self) -> bool:
        return self.plan.scheduler not in UNTRACKED

    def real(self, address: Address) -> RealPlan | None:
        return next((real for real in self.plan.reals if real.address == address), None)


class FakeDataPlane:
    """A director in memory. `own_mac` is that of its NIC."""

    def __init__(self, own_mac: bytes = bytes.fromhex("020000000001"), interface: str = "") -> None:
        self.own_mac, self.interface = own_mac, interface
        self.plan = Plan()
        self.services: dict[str, Service] = {}
        self.flows = Flows()
        self.macs: dict[tuple[str, Address], bytes] = {}
        """The last MAC known of each real server, kept when it goes."""
        self.sent: Tally[tuple[str, Address]] = Tally()
        self.sent_bytes: Tally[tuple[str, Address]] = Tally()
        self.new_flows: Tally[tuple[str, Address]] = Tally()
        self.reasons: Tally[str] = Tally()
        self.now = 0
        """Seconds; moved by whoever plays packets to it."""
        self._ids: dict[tuple[str, Address], int] = {}
        self._next_id = count(1)
        self._last_weights: dict[tuple[str, Address], int] = {}

    # ------------------------------------------------------------------------------- ports.DataPlane

    def attach(self) -> Attachment:
        return Attachment("fake", self.interface, "", taken_over=False)

    def apply(self, plan: Plan) -> None:
        self.plan = plan
        for service in plan.services:
            self._apply(service)
        for gone in self.services.keys() - {service.name for service in plan.services}:
            del self.services[gone]

    def read(self) -> Reading:
        return Reading(
            reals=tuple(self._reading(service.name, real) for service in self.plan.services for real in service.reals),
            reasons=tuple(ReasonReading(name, "", True, Counter(n)) for name, n in sorted(self.reasons.items())),
            flows=len(self.flows.by_ends),
        )

    def close(self) -> None:
        """Nothing of it outlives the process."""

    def detach(self) -> tuple[str, ...]:
        return ()

    # ------------------------------------------------------------------------------- carrying out a plan

    def _apply(self, plan: ServicePlan) -> None:
        for real in plan.reals:
            if real.mac is not None:
                self.macs[plan.name, real.address] = real.mac
            if real.weight:
                self._last_weights[plan.name, real.address] = real.weight
        old = self.services.get(plan.name)
        if old is None or old.plan.scheduler != plan.scheduler:
            rule = make(plan.scheduler, plan.scheduler_flags)
            service = Service(plan, rule, old.order if old else [], old.slots if old else [])
        else:
            service = old
        untracked_before = bool(old and not old.tracks_all)
        service.plan = plan
        service.order = _order(service.order, plan)
        self._list(service)
        table = self._table(service, len(service.slots) if untracked_before else 0)
        service.slots = _next_slots(service, table, untracked_before)
        self.services[plan.name] = service

    def _list(self, service: Service) -> None:
        candidates = self.candidates(service)
        if [(c.id, c.weight) for c in candidates] != [(c.id, c.weight) for c in service.candidates]:
            service.rule.changed(candidates)
        service.candidates = candidates

    def candidates(self, service: Service) -> tuple[Candidate, ...]:
        """IPVS's list at this moment, head first; those that are down weigh nothing."""
        return tuple(self._candidate(service, address) for address in reversed(service.order))

    def _candidate(self, service: Service, address: Address) -> Candidate:
        real = service.real(address)
        weight = real.weight if real and real.schedulable else 0
        active, inactive = self.flows.loads(service.plan.name, address, self.now)
        number = self._ids.setdefault((service.plan.name, address), next(self._next_id))
        return Candidate(number, address, weight, hashed_port(service.plan), active, inactive)

    def _table(self, service: Service, size: int) -> list[Address | None]:
        listed = [real for address in reversed(service.order) if (real := service.real(address)) and real.schedulable]
        if service.tracks_all:
            listed = [real for real in listed if real.weight]
            return [listed[place].address for place in fallback_table(service.plan, listed)]
        weights = [self._last_weights.get((service.plan.name, real.address), 0) for real in listed]
        table = mh_table(service.plan, listed, weights, size)
        return [listed[place].address if listed[place].weight else None for place in table]

    def _reading(self, service: str, real: RealPlan) -> RealReading:
        name = (service, real.address)
        active, inactive = self.flows.loads(*name, self.now)
        counter = Counter(self.sent[name], self.sent_bytes[name])
        return RealReading(service, real.address, counter, self.new_flows[name], active, inactive)


def _order(before: list[Address], plan: ServicePlan) -> list[Address]:
    wanted = [real.address for real in plan.reals]
    stay = [address for address in before if address in wanted]
    return stay + [address for address in wanted if address not in stay]


def _next_slots(service: Service, table: list[Address | None], untracked_before: bool) -> list[Slot]:
    before = service.slots
    if service.tracks_all or not before:
        return [Slot(now) for now in table]
    if not untracked_before:
        return [Slot(now, now, tracked=True) for now in table]
    return [
        old if old.now == now else Slot(now, old.before if old.tracked else old.now, tracked=True)
        for old, now in zip(before, table or [None] * len(before), strict=True)
    ]
