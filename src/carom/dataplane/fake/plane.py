"""The fake data plane as the engine knows it, and the state that `walk` reads and changes."""

from __future__ import annotations

from collections import Counter as Tally
from dataclasses import dataclass, field
from itertools import count, islice

from carom.core.explain import Question, Sight
from carom.core.flows import LONGEST_TIMEOUT, Wanted
from carom.core.limits import is_overloaded
from carom.core.plan import Plan, RealPlan, ServicePlan
from carom.core.slots import HASHED, fallback_table, hash_table, hashed_port, hashes_port, table_size, tracks_all
from carom.dataplane.fake.entrances import Entrance, entrances_of, heirs
from carom.dataplane.fake.flows import HALF_OPEN, Flow, Flows, seen
from carom.dataplane.fake.fragments import Fragments
from carom.dataplane.fake.icmp_made import Allowance
from carom.dataplane.fake.packet import Ends
from carom.dataplane.fake.schedulers import Candidate, Rule, make
from carom.dataplane.fake.syncap import Syns
from carom.dataplane.fake.templates import Template
from carom.model import Address
from carom.ports import Attachment, Counter, FlowCount, FlowSlice, Reading, RealReading, ReasonReading


@dataclass(slots=True)
class Slot:
    """One slot of the consistent-hash table; None: nobody."""

    now: Address | None
    before: Address | None = None
    """Where the flows are that began before the slot changed."""
    tracked: bool = False
    """It changed while flows may have been in it, so flows in it are given entries."""


@dataclass(frozen=True, slots=True)
class Before:
    """By which hash flows are found that have no entry, since they began under it."""

    plan: ServicePlan
    """Of this service, or of another whose ports it has got."""
    slots: list[Slot]
    since: int
    """The second in which it was left."""

    @property
    def has_entries(self) -> bool:
        """Whether flows of it may have entries."""
        return tracks_all(self.plan) or any(slot.tracked for slot in self.slots)


@dataclass(slots=True)
class Service:
    """One service as packets meet it."""

    plan: ServicePlan
    rule: Rule
    order: list[Address] = field(default_factory=list)
    """Real servers in the order in which they were added."""
    slots: list[Slot] = field(default_factory=list)
    candidates: tuple[Candidate, ...] = ()
    before: Before | None = None
    moved: int = 0
    """The second in which slots changed last."""

    @property
    def tracks_all(self) -> bool:
        return tracks_all(self.plan)

    @property
    def everyone(self) -> tuple[RealPlan, ...]:
        """Its real servers, and the sorry server while that serves."""
        return (*self.plan.reals, self.plan.sorry) if self.plan.sorry else self.plan.reals

    def real(self, address: Address) -> RealPlan | None:
        return next((real for real in self.everyone if real.address == address), None)

    def schedulable(self, address: Address) -> RealPlan | None:
        """The real server, if it stands in the scheduler's list: while the sorry server serves, it alone."""
        listed = (self.plan.sorry,) if self.plan.sorry else self.plan.reals
        return next((real for real in listed if real.address == address and real.schedulable), None)


class FakeDataPlane:
    """A director in memory. `own_mac` is that of its NIC, `inside_mac` that of its second one, if it has two."""

    def __init__(
        self,
        own_mac: bytes = bytes.fromhex("020000000001"),
        interface: str = "",
        inside_mac: bytes | None = None,
        inside_mtu: int = 0,
    ) -> None:
        self.own_mac, self.interface, self.inside_mac, self.inside_mtu = own_mac, interface, inside_mac, inside_mtu
        self.plan = Plan()
        self.services: dict[str, Service] = {}
        self.entrances: dict[Address, list[Entrance]] = {}
        """By VIP."""
        self.flow_table = Flows()
        self.macs: dict[tuple[str, Address], bytes] = {}
        """The last MAC known of each real server, kept when it goes."""
        self.vlans: dict[tuple[str, Address], int | None] = {}
        """The VLAN of each real server's segment, kept when it goes."""
        self.local: set[tuple[str, Address]] = set()
        """The real servers that are the director itself, kept when they go."""
        self.sent: Tally[tuple[str, Address]] = Tally()
        self.sent_bytes: Tally[tuple[str, Address]] = Tally()
        self.new_flows: Tally[tuple[str, Address]] = Tally()
        self.repeated: Tally[tuple[str, Address]] = Tally()
        self.lost: Tally[tuple[str, Address]] = Tally()
        self.reasons: Tally[str] = Tally()
        self.now = 0
        """Seconds; moved by `at`."""
        self.templates: dict[tuple[str, Address], Template] = {}
        """By service and client."""
        self.fragments = Fragments()
        self.icmp_sent = Allowance()
        self.syns = Syns()
        self.mtus: dict[tuple[str, Address], int] = {}
        """The largest packet each real server can be sent, kept as the MACs are; 0: of every size."""
        self.overloaded: set[tuple[str, Address]] = set()
        self._limits: dict[tuple[str, Address], tuple[int, int]] = {}
        self._ids: dict[tuple[str, Address], int] = {}
        self._next_id = count(1)
        self._last_weights: dict[tuple[str, Address], int] = {}

    # ------------------------------------------------------------------------------- ports.DataPlane

    def attach(self) -> Attachment:
        return Attachment("fake", self.interface, "", taken_over=False)

    def disturbance(self) -> str:
        return ""

    def mend(self) -> None:
        """Nobody else has a hand on it."""

    def apply(self, plan: Plan) -> None:
        self.plan = plan
        self.flow_table.use(plan.timeouts)
        entrances = entrances_of(plan.services)
        donors = self._donors(entrances)
        for wish in plan.services:
            if wish.name not in self.services or self.services[wish.name].plan != wish or wish.name in donors:
                self._apply(wish, donors.get(wish.name, ()))
        for gone in self.services.keys() - {service.name for service in plan.services}:
            del self.services[gone]
            self._forget_clients(gone)
        wanted = {
            (service.name, real.address) for service in plan.services for real in self.services[service.name].everyone
        }
        self._last_weights = {name: weight for name, weight in self._last_weights.items() if name in wanted}
        self.entrances = entrances

    def _forget_clients(self, service: str) -> None:
        self.templates = {name: template for name, template in self.templates.items() if name[0] != service}

    def read(self) -> Reading:
        return Reading(
            reals=tuple(
                self._reading(name, real) for name, service in self.services.items() for real in service.everyone
            ),
            reasons=tuple(ReasonReading(name, "", True, Counter(n)) for name, n in sorted(self.reasons.items())),
            flows4=sum(ends.vip.version == 4 for ends in self.flow_table.by_ends),
            flows6=sum(ends.vip.version == 6 for ends in self.flow_table.by_ends),
        )

    def flows(self, wanted: Wanted, place: int, most: int) -> FlowSlice:
        """A place is a flow's number in the order in which they began."""
        found, at = [], place
        for ends, flow in islice(self.flow_table.by_ends.items(), place, None):
            at += 1
            ended = self.flow_table.has_ended(flow, self.now)
            if not ended and wanted.has(shown := seen(ends, flow, self.now, self.flow_table.timeouts)):
                found.append(shown)
            if len(found) == most:
                return FlowSlice(tuple(found), at)
        return FlowSlice(tuple(found))

    def count_flows(self, wanted: Wanted, place: int) -> FlowCount:
        flows = self.flows(wanted, place, len(self.flow_table.by_ends) + 1).flows
        return FlowCount(dict(Tally(flow.state for flow in flows)))

    def explain(self, question: Question) -> Sight:
        from carom.dataplane.fake.explain import explain  # it walks, and walking needs a plane

        return explain(self, question)

    def close(self) -> None:
        """Nothing of it outlives the process."""

    def detach(self) -> tuple[str, ...]:
        return ()

    # ------------------------------------------------------------------------------- carrying out a plan

    def _donors(self, entrances: dict[Address, list[Entrance]]) -> dict[str, tuple[Before, ...]]:
        """By service: whose ports it gets, as they are found now."""
        if entrances == self.entrances:
            return {}
        now = {name: Before(service.plan, service.slots, self.now) for name, service in self.services.items()}
        given = heirs(self.entrances, entrances)
        return {heir: tuple(now[name] for name in sorted(others)) for heir, others in given.items()}

    def _heritage(self, old: Service | None, donors: tuple[Before, ...]) -> Before | None:
        """By which hash the flows of ports that come are found: one, and where it misleads none that was there."""
        hashed = [donor for donor in donors if not tracks_all(donor.plan) and donor.slots]
        if len(hashed) != 1 or (old and not old.tracks_all):
            return None
        lives = old and old.before and self.now - old.before.since <= LONGEST_TIMEOUT
        return None if lives else hashed[0]

    def _apply(self, plan: ServicePlan, donors: tuple[Before, ...]) -> None:
        for real in (*plan.reals, *((plan.sorry,) if plan.sorry else ())):
            self._mind_limit(plan.name, real)
            self.mtus[plan.name, real.address] = real.mtu
            self.vlans[plan.name, real.address] = real.vlan
            self.local.discard((plan.name, real.address))
            if real.local:
                self.local.add((plan.name, real.address))
            if real.mac is not None:
                self.macs[plan.name, real.address] = real.mac
            if real.weight:
                self._last_weights[plan.name, real.address] = real.weight
        old = self.services.get(plan.name)
        if old is None or (old.plan.scheduler, old.plan.scheduler_flags) != (plan.scheduler, plan.scheduler_flags):
            rule = make(plan.scheduler, plan.scheduler_flags)
            service = Service(plan, rule, *((old.order, old.slots, (), old.before, old.moved) if old else ()))
        else:
            service = old
        if old and _clients(old.plan) != _clients(plan):
            self._forget_clients(plan.name)
        plan_before, slots_before = old.plan if old else None, service.slots
        heritage = self._heritage(old, donors)
        untracked_before = bool(old and not old.tracks_all)
        service.plan = plan
        service.order = _order(service.order, [real.address for real in service.everyone])
        self._list(service)
        table = self._table(service, len(service.slots) if untracked_before else 0)
        inherits = heritage is not None or any(donor.has_entries for donor in donors)
        service.slots = _next_slots(service, table, plan_before, inherits)
        service.moved = service.moved if service.slots == slots_before else self.now
        if plan_before and slots_before and _leaves(plan_before, slots_before, service):
            service.before = Before(plan_before, slots_before, self.now)
        else:
            service.before = heritage or service.before
        self.services[plan.name] = service

    def _mind_limit(self, service: str, real: RealPlan) -> None:
        """What follows from new thresholds at once; from the same ones nothing does."""
        name, limits = (service, real.address), (real.upper, real.lower)
        if self._limits.get(name, (0, 0)) == limits:
            return
        self._limits[name] = limits
        flows = sum(self.flow_table.loads(*name, self.now))
        if is_overloaded(flows, *limits, before=name in self.overloaded):
            self.overloaded.add(name)
        else:
            self.overloaded.discard(name)

    def begin_flow(self, ends: Ends, flow: Flow) -> None:
        """A flow more; at `upper` of them a real server is overloaded."""
        self.flow_table.by_ends[ends] = flow
        name = (flow.service, flow.real)
        upper, _ = self._limits.get(name, (0, 0))
        if upper and sum(self.flow_table.loads(*name, self.now)) >= upper:
            self.overloaded.add(name)

    def end_flow(self, ends: Ends) -> None:
        """A flow less, if there was one; below `lower` of them a real server is no longer overloaded."""
        flow = self.flow_table.by_ends.pop(ends, None)
        if flow and flow.state in HALF_OPEN:
            self.lost[flow.service, flow.real] += 1
        if flow and flow.template:
            flow.template.flows -= 1
            flow.template.idle = self.now
        if flow:
            self._mind_lower((flow.service, flow.real))

    def _mind_lower(self, name: tuple[str, Address]) -> None:
        """Also of a real server that is gone: it may come back."""
        upper, lower = self._limits.get(name, (0, 0))
        left = sum(self.flow_table.loads(*name, self.now)) if upper else 0
        if left < lower if lower else left * 4 < upper * 3:
            self.overloaded.discard(name)

    def at(self, now: int) -> None:
        """It is this second now; flows that have ended go."""
        self.now = now
        for ends in [ends for ends, flow in self.flow_table.by_ends.items() if self.flow_table.has_ended(flow, now)]:
            self.end_flow(ends)

    def _list(self, service: Service) -> None:
        candidates = self.candidates(service)
        if [(c.id, c.weight) for c in candidates] != [(c.id, c.weight) for c in service.candidates] or (
            service.plan.scheduler in HASHED  # whose tables follow from the port too
        ):
            service.rule.changed(candidates)
        service.candidates = candidates

    def candidates(self, service: Service) -> tuple[Candidate, ...]:
        """IPVS's list at this moment, head first; those that are down weigh nothing, and take no slot of a hash."""
        hashed = service.plan.scheduler in HASHED
        listed = [address for address in reversed(service.order) if not hashed or service.schedulable(address)]
        return tuple(self._candidate(service, address) for address in listed)

    def _candidate(self, service: Service, address: Address) -> Candidate:
        real = service.schedulable(address)
        weight = real.weight if real else 0
        name = (service.plan.name, address)
        active, inactive = self.flow_table.loads(*name, self.now)
        number = self._ids.setdefault(name, next(self._next_id))
        port, overloaded = hashed_port(service.plan), name in self.overloaded
        return Candidate(number, address, weight, port, active, inactive, overloaded, self._last_weights.get(name, 0))

    def _table(self, service: Service, size: int) -> list[Address | None]:
        listed = [real for address in reversed(service.order) if (real := service.schedulable(address))]
        if service.plan.scheduler not in HASHED:
            listed = [real for real in listed if real.weight]
            return [listed[place].address for place in fallback_table(service.plan, listed)]
        weights = [self._last_weights.get((service.plan.name, real.address), 0) for real in listed]
        table = hash_table(service.plan, listed, weights, size)
        return [listed[place].address if listed[place].weight else None for place in table]

    def _reading(self, service: str, real: RealPlan) -> RealReading:
        name = (service, real.address)
        active, inactive = self.flow_table.loads(*name, self.now)
        counter = Counter(self.sent[name], self.sent_bytes[name])
        half = self.repeated[name], self.lost[name]
        return RealReading(service, real.address, counter, self.new_flows[name], active, inactive, *half)


def _clients(plan: ServicePlan) -> int | None:
    """What makes clients one client; None: nothing does."""
    return plan.persistence_mask if plan.persistence else None


def _order(before: list[Address], wanted: list[Address]) -> list[Address]:
    stay = [address for address in before if address in wanted]
    return stay + [address for address in wanted if address not in stay]


def _same_hash(one: ServicePlan, other: ServicePlan) -> bool:
    return one.scheduler is other.scheduler and hashes_port(one) == hashes_port(other)


def _leaves(plan: ServicePlan, slots: list[Slot], service: Service) -> bool:
    """Whether flows without entries, which were found by this hash, are not found by the service's now."""
    if tracks_all(plan):
        return False
    return service.tracks_all or not _same_hash(plan, service.plan) or len(slots) != len(service.slots)


def _next_slots(service: Service, table: list[Address | None], plan: ServicePlan | None, inherits: bool) -> list[Slot]:
    """`plan` is the one before; `inherits`: others' flows come, whose entries are looked for."""
    before = service.slots
    if service.tracks_all:
        return [Slot(now) for now in table]
    comes_anew = tracks_all(plan) or (before and not _same_hash(plan, service.plan)) if plan else inherits
    if comes_anew or (inherits and not before):
        return [Slot(now, now, tracked=True) for now in table or [None] * table_size(service.plan)]
    if not before:
        return [Slot(now) for now in table]
    return [_next_slot(old, now, inherits) for old, now in zip(before, table or [None] * len(before), strict=True)]


def _next_slot(old: Slot, now: Address | None, inherits: bool) -> Slot:
    if old.now == now and (old.tracked or not inherits):
        return old
    return Slot(now, old.before if old.tracked else old.now, tracked=True)
