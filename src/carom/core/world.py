"""The world: the configuration, and everything known about the network and wished by operators.

    World ──step(facts, now)──> World ──carom.core.planning──> Plan

A world is frozen. `step` makes the next one, or returns the same object when nothing changed, so whoever holds two of
them can tell at once whether there is anything to do. It hears facts by the batch because a world of 10,000 neighbours
is copied once a batch, not once a fact. Times are seconds of the engine's clock, which is monotonic.

A real server that the configuration drops while its service stays is not cut off: it *leaves*, with weight 0, until its
flows have ended or LEAVE_WITHIN is over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from math import inf
from typing import assert_never

from carom.core import health
from carom.core.check_target import target_port
from carom.core.health import Health, Judgement
from carom.events import (
    ConfigLoaded,
    ConfigRefused,
    DataPlaneDisturbed,
    Emptied,
    Fact,
    InterfaceChanged,
    NeighbourLost,
    NeighbourResolved,
    Overridden,
    Override,
    RealName,
)
from carom.model import Address, Config, OnMisuse, Real, Service
from carom.outcome import Checked, Reason
from carom.sighting import Sighting, VipSighted, VipSightingEnded

LEAVE_WITHIN = 3600.0
"""Seconds that the flows of a real server which the configuration has dropped may take to end."""

Records = Mapping[Address, Health]
"""The health of one service's real servers."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A station that has answered for a real server's address."""

    mac: bytes
    """The last one known, 6 bytes."""
    answers: bool
    since: float
    """When `answers` became what it is."""


@dataclass(frozen=True, slots=True)
class World:
    """All that plans are made from."""

    config: Config
    """As it is written."""
    services: Mapping[str, Service]
    """By name: as written, with the weights that operators have set, and with the real servers that leave."""
    watched: frozenset[Address]
    """Every address whose MAC is needed."""
    judgements: Mapping[str, Judgement]
    """What follows from the health of each service."""
    nic: InterfaceChanged | None = None
    """How the NIC is; None: it has not been looked at."""
    inside: InterfaceChanged | None = None
    """How the inside NIC is; None: there is none, or it has not been looked at."""
    disturbed: str = ""
    """What somebody else has done to the data plane, as a clause; empty: nothing."""
    vlans: Mapping[Address, int] = field(default_factory=dict)
    """Of those of `watched` that are on a VLAN of their own, which."""
    own: frozenset[Address] = frozenset()
    """The director's own addresses on both: a real server that has one is the director itself."""
    neighbours: Mapping[Address, Neighbour] = field(default_factory=dict)
    """Those of `watched` that have ever answered."""
    health: Mapping[str, Records] = field(default_factory=dict)
    """Of each service with checks, a record for every real server that is checked."""
    overrides: Mapping[RealName, Override] = field(default_factory=dict)
    leaving: Mapping[RealName, float] = field(default_factory=dict)
    """Real servers that leave, and until when at most."""
    ended: frozenset[RealName] = frozenset()
    """Those whose drain's deadline is over."""
    again: float = inf
    """When this world changes by itself."""
    refused: tuple[str, ...] = ()
    """Faults of the configuration read last, where it was not carried out."""
    sightings: Mapping[Sighting, float] = field(default_factory=dict)
    """Who else is using a VIP, and since when."""
    guilty: frozenset[bytes] = frozenset()
    """The MACs of those that get no new connections for it."""

    @property
    def mac(self) -> bytes | None:
        """The director's own MAC, 6 bytes; None: unknown, or its NIC is gone."""
        return self.nic.mac if self.nic else None

    @property
    def inside_mac(self) -> bytes | None:
        """The inside NIC's MAC, 6 bytes; None: there is none, or it is unknown or gone."""
        return self.inside.mac if self.inside else None

    @property
    def hardware(self) -> tuple[tuple[bytes | None, int], ...]:
        """Of either NIC its MAC and index: by which the data plane knows it."""
        return tuple((nic.mac, nic.index) if nic else (None, 0) for nic in (self.nic, self.inside))

    @property
    def towards_reals(self) -> InterfaceChanged | None:
        """How the NIC is by which real servers are reached; None: it has not been looked at."""
        return self.inside if self.config.director.inside else self.nic

    @property
    def basis(self) -> tuple[object, ...]:
        """All that a plan follows from: two worlds in which each of these is the same object have the same plan."""
        known = self.neighbours, self.judgements, self.ended, self.guilty, self.own
        nics = (part for nic in self.hardware for part in nic)
        return self.config, self.services, *known, *nics, self.disturbed


@dataclass(frozen=True, slots=True)
class Memory:
    """What a daemon knows that takes over from another, for its plan to be the other's."""

    health: Mapping[str, Records] = field(default_factory=dict)
    """Of those that were not simply well."""
    leaving: Mapping[RealName, float] = field(default_factory=dict)


def begin(config: Config, now: float = 0.0, overrides: Mapping[RealName, Override] | None = None) -> World:
    """The world before any fact."""
    draft = _Draft(World(Config(config.director), {}, frozenset(), {}, overrides=overrides or {}), now)
    draft.configure(config)
    return draft.finish()


def recall(world: World, memory: Memory, now: float) -> World:
    """The world of a director that was at work before: what is not remembered as down was up, and goes on so."""
    draft = _Draft(world, now)
    draft.configure(world.config, memory)
    return draft.finish()


def step(world: World, facts: Sequence[Fact], now: float) -> World:
    """The world after these facts, in their order; the same object if nothing changed."""
    draft = _Draft(world, now)
    for fact in facts:
        draft.hear(fact)
    return draft.finish()


def memory_of(world: World) -> Memory:
    """What the next daemon needs to know of this world, where it comes while the data plane goes on."""
    notable = {
        name: kept
        for name, records in world.health.items()
        if (kept := {real: record for real, record in records.items() if not _plain(record)})
    }
    return Memory(notable, world.leaving)


def is_up(world: World, service: str, address: Address) -> bool:
    """Whether its checks, or for want of them everything, say that this real server of the service is up."""
    record = world.health.get(service, {}).get(address)
    judgement = world.judgements.get(service)
    return record is None or record.up or (judgement is not None and judgement.standing is health.Standing.FAIL_OPEN)


def told(world: World) -> bool:
    """Whether checks have told of every real server that they are to tell of."""
    return all(record.proven for records in world.health.values() for record in records.values())


def reals_by_mac(world: World) -> dict[bytes, tuple[Address, ...]]:
    """The real servers that have ever answered, by their MACs."""
    found: dict[bytes, tuple[Address, ...]] = {}
    reals = _addresses(world.services) if world.config.director.peers else world.watched
    for address, neighbour in world.neighbours.items():
        if address not in reals:
            continue
        found[neighbour.mac] = (*found.get(neighbour.mac, ()), address)
    return found


def _plain(record: Health) -> bool:
    """Whether forgetting this record changes nothing: it is up, at its full weight, and never was otherwise."""
    return record.up and not record.climbs and not record.falls and record.share == 1.0


class _Known:
    """What checks have found so far, for a service that begins: its real servers may be another's till now."""

    def __init__(self, world: World) -> None:
        self._health = world.health
        self._at: dict[Address, list[Service]] = {}
        for service in world.services.values():
            self._at.setdefault(service.vip, []).append(service)

    def by_the_same_check(self, service: Service) -> Records:
        """Those that the same check of the same port has looked at, for a service of this VIP under another name."""
        found: dict[Address, Health] = {}
        for other in self._at.get(service.vip, ()):
            if (other.check, target_port(other)) == (service.check, target_port(service)):
                found |= self._health.get(other.name, {})
        return found


class _Draft:
    """The next world while facts are heard."""

    def __init__(self, world: World, now: float) -> None:
        self._world, self._now = world, now
        self._neighbours: dict[Address, Neighbour] = {}
        self._health: dict[str, dict[Address, Health]] = {}
        self._unjudged: set[str] = set()
        self._rescheduled = False

    def hear(self, fact: Fact) -> None:
        match fact:
            case ConfigLoaded():
                self._loaded(fact.config)
            case ConfigRefused():
                self._world = replace(self._world, refused=fact.faults)
            case InterfaceChanged() | DataPlaneDisturbed():
                self._host(fact)
            case NeighbourResolved() | NeighbourLost():
                self._neighbour(fact)
            case Checked():
                self._checked(fact)
            case Overridden():
                self._override(fact)
            case Emptied():
                self._leave(fact.reals & self._world.leaving.keys())
            case VipSighted() | VipSightingEnded():
                self._sight(fact)
            case _:
                assert_never(fact)

    def finish(self) -> World:
        """The next world, with all that follows from the facts heard and from the time that it is."""
        if self._now >= self._world.again:
            self._strike()
        self._learn()
        self._judge()
        if self._rescheduled:
            self._world = replace(self._world, again=_again(self._world))
        return self._world

    def _host(self, fact: InterfaceChanged | DataPlaneDisturbed) -> None:
        """What becomes of the director itself."""
        if isinstance(fact, InterfaceChanged):
            self._interface(fact)
        elif fact.how != self._world.disturbed:
            self._world = replace(self._world, disturbed=fact.how)

    def _interface(self, fact: InterfaceChanged) -> None:
        before = self._world.inside if fact.inside else self._world.nic
        if fact != before:
            self._world = replace(self._world, inside=fact) if fact.inside else replace(self._world, nic=fact)
            nics = self._world.nic, self._world.inside
            own = frozenset(interface.ip for nic in nics if nic for interface in nic.addresses)
            if own != self._world.own:
                self._world = replace(self._world, own=own)
                self._settle()

    # ---- the configuration ----

    def _loaded(self, config: Config) -> None:
        if config != self._world.config:
            self.configure(config)
        elif self._world.refused:
            self._world = replace(self._world, refused=())

    def configure(self, config: Config, memory: Memory | None = None) -> None:
        """From now on this configuration. With `memory`, it was running already."""
        self._learn()
        before = self._world
        written = {(service.name, real.address) for service in config.services for real in service.reals}
        leaving = _leaving(before, config, self._now)
        if memory:
            leaving |= {name: until for name, until in memory.leaving.items() if name[0] in _names(config)}
        leaving = {name: until for name, until in leaving.items() if name not in written}
        overrides = {name: said for name, said in before.overrides.items() if name in written}
        # whoever was shut down by a drain's deadline stays so while it leaves; written again, it begins anew
        ended = before.ended & (overrides.keys() | leaving.keys())
        self._world = replace(
            before, config=config, refused=(), overrides=overrides, leaving=leaving, ended=frozenset(ended)
        )
        self._health = {}
        known = _Known(before)
        health = {service.name: self._records(service, memory, known) for service in config.services if service.check}
        self._world = replace(self._world, health=health)
        if memory:
            self._unjudged = set(health)
        self._settle()

    def _records(self, service: Service, memory: Memory | None, known: _Known) -> Records:
        """A record for each: the one it has, or one to begin with. Who leaves may come back with its own."""
        before = self._world.health.get(service.name, {})
        at_work = service.name in self._world.services
        if memory:
            before, beginning = memory.health.get(service.name, {}), health.inherited(self._now, up=True)
        elif at_work and not before:
            beginning = health.inherited(self._now, up=True)  # unchecked so far, and up for all that was known
        elif at_work:
            beginning = health.unproven(self._now, joins=True)
        else:
            before = known.by_the_same_check(service)
            beginning = health.unproven(self._now, joins=bool(before))
        leaving = [address for name, address in self._world.leaving if name == service.name and address in before]
        written = {real.address: before.get(real.address, beginning) for real in service.reals}
        return written | {address: before[address] for address in leaving}

    def _settle(self) -> None:
        """Make the services anew, and all that follows from them."""
        before = self._world
        services = _services(before)
        watched = _addresses(services, before.config.director.peers, before.own)
        neighbours: Mapping[Address, Neighbour] = before.neighbours
        if watched != before.watched:
            neighbours = {address: known for address, known in neighbours.items() if address in watched}
        else:
            watched = before.watched
        changed = {name for name, service in services.items() if service != before.services.get(name)}
        judgements = {name: judged for name, judged in before.judgements.items() if name in services}
        self._unjudged = (self._unjudged & services.keys()) | changed | (services.keys() - judgements.keys())
        if not changed and services.keys() == before.services.keys():
            services = dict(before.services)
        vlans = _vlans(services)
        self._world = replace(
            before,
            services=services,
            watched=watched,
            vlans=before.vlans if vlans == before.vlans else vlans,
            neighbours=neighbours,
            judgements=judgements,
        )
        self._rescheduled = True

    # ---- neighbours ----

    def _neighbour(self, fact: NeighbourResolved | NeighbourLost) -> None:
        before = self._neighbours.get(fact.address) or self._world.neighbours.get(fact.address)
        after = _neighbour(before, fact, self._now)
        if after is not None and after is not before:
            self._neighbours[fact.address] = after

    def _learn(self) -> None:
        """Take what was heard into the world. Word of an address that is watched no more is dropped."""
        news = {address: known for address, known in self._neighbours.items() if address in self._world.watched}
        if news:
            self._world = replace(self._world, neighbours={**self._world.neighbours, **news})
        if self._health:
            self._world = replace(self._world, health={**self._world.health, **self._health})
        self._neighbours, self._health = {}, {}

    # ---- health ----

    def _checked(self, fact: Checked) -> None:
        service = self._world.services.get(fact.service)
        records = self._health.get(fact.service) or self._world.health.get(fact.service, {})
        before = records.get(fact.real)
        if service is None or service.check is None or before is None or self._is_own_fault(fact):
            return
        after = health.heard(before, service.check, fact.outcome, fact.diagnosis, self._now)
        if not after.proven and fact.outcome.reason is Reason.FAULT:
            # A check that cannot be made must not keep a director from its work.
            after = replace(after, up=True, proven=True, since=self._now)
        if fact.service not in self._health:
            self._health[fact.service] = dict(records)
        self._health[fact.service][fact.real] = after
        if after.effect != before.effect:
            self._unjudged.add(fact.service)

    def _is_own_fault(self, fact: Checked) -> bool:
        """Without our own NIC no check gets through, which says nothing of the real server."""
        nic = self._world.towards_reals
        is_failure = not fact.outcome.ok and fact.outcome.reason is not Reason.FAULT
        return is_failure and nic is not None and not nic.up and fact.real not in self._world.own

    def _judge(self) -> None:
        if not self._unjudged:
            return
        world, now = self._world, self._now
        judged = {name: _judgement(world, world.services[name], now) for name in self._unjudged}
        if any(judgement != world.judgements.get(name) for name, judgement in judged.items()):
            self._world = replace(world, judgements={**world.judgements, **judged})
            self._rescheduled = True
        self._unjudged = set()

    # ---- operators ----

    def _override(self, fact: Overridden) -> None:
        name = fact.service, fact.real
        service = next((one for one in self._world.config.services if one.name == fact.service), None)
        known = service is not None and any(real.address == fact.real for real in service.reals)
        if not known or self._world.overrides.get(name) == fact.override:
            return
        overrides = {other: said for other, said in self._world.overrides.items() if other != name}
        if fact.override:
            overrides[name] = fact.override
        self._world = replace(self._world, overrides=overrides, ended=self._world.ended - {name})
        self._settle()

    def _leave(self, gone: frozenset[RealName] | set[RealName]) -> None:
        if not gone:
            return
        self._learn()
        before = self._world
        health = dict(before.health)
        for service in {service for service, _ in gone} & health.keys():
            health[service] = {real: record for real, record in health[service].items() if (service, real) not in gone}
        leaving = {name: until for name, until in before.leaving.items() if name not in gone}
        self._world = replace(before, leaving=leaving, health=health)
        self._settle()

    # ---- misused VIPs ----

    def _sight(self, fact: VipSighted | VipSightingEnded) -> None:
        before = self._world.sightings
        seen = isinstance(fact, VipSighted)
        if seen is (fact.sighting in before):
            return
        others = {sighting: since for sighting, since in before.items() if sighting != fact.sighting}
        sightings = {**others, fact.sighting: self._now} if seen else others
        quiesces = self._world.config.director.on_misuse is OnMisuse.QUIESCE
        guilty = frozenset(sighting.mac for sighting in sightings) if quiesces else frozenset()
        if guilty == self._world.guilty:
            guilty = self._world.guilty
        self._world = replace(self._world, sightings=sightings, guilty=guilty)

    def _strike(self) -> None:
        """What was to come by now has come."""
        now = self._now
        self._unjudged |= {name for name, judged in self._world.judgements.items() if judged.again <= now}
        self._leave({name for name, until in self._world.leaving.items() if until <= now})
        over = {name for name, said in self._world.overrides.items() if said.deadline and said.deadline <= now}
        if over - self._world.ended:
            self._world = replace(self._world, ended=self._world.ended | over)
        self._rescheduled = True


def _judgement(world: World, service: Service, now: float) -> Judgement:
    records = world.health.get(service.name, {})
    return health.judge(service, [records.get(real.address) for real in service.reals], now)


def _again(world: World) -> float:
    judged = (judgement.again for judgement in world.judgements.values())
    deadlines = (said.deadline for name, said in world.overrides.items() if said.deadline and name not in world.ended)
    return min((*judged, *deadlines, *world.leaving.values()), default=inf)


def _leaving(before: World, config: Config, now: float) -> dict[RealName, float]:
    """Until when they leave that are at work now and do not stay. A service that goes takes its own along."""
    names = _names(config)
    at_work = {
        (name, real.address): now + LEAVE_WITHIN
        for name, service in before.services.items()
        if name in names
        for real in service.reals
        if is_up(before, service.name, real.address) and real.address in before.neighbours
    }
    return at_work | {name: until for name, until in before.leaving.items() if name in at_work}


def _names(config: Config) -> frozenset[str]:
    return frozenset(service.name for service in config.services)


def _services(world: World) -> dict[str, Service]:
    """The services as they are to be; the very same objects where nothing changes."""
    touched = {name for name, _ in (*world.overrides, *world.leaving)}
    services = {}
    for written in world.config.services:
        service = _altered(world, written) if written.name in touched else written
        before = world.services.get(written.name)
        services[written.name] = before if before == service else service
    return services


def _altered(world: World, service: Service) -> Service:
    """The service as operators want it, with those that leave at its list's end."""
    written = tuple(
        replace(real, weight=said.weight) if (said := world.overrides.get((service.name, real.address))) else real
        for real in service.reals
    )
    leaving = tuple(Real(address, weight=0) for name, address in world.leaving if name == service.name)
    return replace(service, reals=written + leaving)


def _addresses(
    services: Mapping[str, Service], more: Sequence[Address] = (), own: frozenset[Address] = frozenset()
) -> frozenset[Address]:
    """Those of all real servers, and these, without the director's own. Made at one go: copies are large."""
    reals = (real.address for service in services.values() for real in service.reals)
    sorry = (service.sorry for service in services.values() if service.sorry)
    return frozenset(address for address in chain(reals, sorry, more) if address not in own)


def _vlans(services: Mapping[str, Service]) -> dict[Address, int]:
    return {real.address: real.vlan for service in services.values() for real in service.reals if real.vlan}


def _neighbour(before: Neighbour | None, fact: NeighbourResolved | NeighbourLost, now: float) -> Neighbour | None:
    match fact:
        case NeighbourLost():
            return replace(before, answers=False, since=now) if before and before.answers else before
        case NeighbourResolved():
            if before and before.answers:
                return before if before.mac == fact.mac else replace(before, mac=fact.mac)
            return Neighbour(fact.mac, answers=True, since=now)
