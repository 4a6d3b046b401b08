"""The world: the configuration and everything known about the network, and the plan that follows from both.

    World ──step(facts, now)──> World ──plan──> Plan

A world is frozen. `step` makes the next one, or returns the same object when nothing changed, so whoever holds two of
them can tell at once whether there is anything to do. It hears facts by the batch because a world of 10,000 neighbours
is copied once a batch, not once a fact. Times are seconds of the engine's clock, which is monotonic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import assert_never

from carom.core.plan import Plan, RealPlan, ServicePlan
from carom.events import ConfigLoaded, ConfigRefused, Fact, InterfaceChanged, NeighbourLost, NeighbourResolved
from carom.model import Address, Config, Real, Service


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
    watched: frozenset[Address]
    """Every address whose MAC the configuration needs."""
    nic: InterfaceChanged | None = None
    """How the NIC is; None: it has not been looked at."""
    neighbours: Mapping[Address, Neighbour] = field(default_factory=dict)
    """Those of `watched` that have ever answered."""
    refused: tuple[str, ...] = ()
    """Faults of the configuration read last, where it was not carried out."""

    @property
    def mac(self) -> bytes | None:
        """The director's own MAC, 6 bytes; None: unknown, or its NIC is gone."""
        return self.nic.mac if self.nic else None


def begin(config: Config) -> World:
    """The world before any fact."""
    return World(config=config, watched=_addresses(config))


def step(world: World, facts: Sequence[Fact], now: float) -> World:
    """The world after these facts, in their order; the same object if none of them changed anything."""
    news: dict[Address, Neighbour] = {}
    for fact in facts:
        match fact:
            case ConfigLoaded():
                world = _configured(world, fact.config)
            case ConfigRefused():
                world = replace(world, refused=fact.faults)
            case InterfaceChanged():
                world = world if fact == world.nic else replace(world, nic=fact)
            case NeighbourResolved() | NeighbourLost():
                before = news.get(fact.address) or world.neighbours.get(fact.address)
                after = _neighbour(before, fact, now)
                if after is not None and after is not before:
                    news[fact.address] = after
            case _:
                assert_never(fact)
    return _learned(world, news) if news else world


def plan(world: World) -> Plan:
    """Everything the data plane shall do in this world."""
    return Plan(services=tuple(_plan_service(world, service) for service in world.config.services))


def obstacle(world: World, address: Address, now: float) -> str:
    """What keeps the real server at this address from getting connections, as a clause; empty if nothing does."""
    interface = world.config.director.interface
    neighbour = world.neighbours.get(address)
    if neighbour is not None and neighbour.answers:
        return ""
    if neighbour is not None:
        return f"no answer to {_question(address)} on {interface} for {max(0.0, now - neighbour.since):.0f} s"
    if world.nic is None or not world.nic.addresses:
        return f"no answer to {_question(address)} on {interface}"
    if any(address == own.ip for own in world.nic.addresses):
        return "it is the director's own address"
    networks = [str(own.network) for own in world.nic.addresses if own.version == address.version]
    if any(address in own.network for own in world.nic.addresses):
        return f"no answer to {_question(address)} on {interface}"
    return (
        f"it is not in {interface}'s networks ({', '.join(networks) or f'no IPv{address.version} address'}): "
        "direct routing needs it on the same segment"
    )


def findings(world: World, now: float) -> Iterator[str]:
    """What an operator should know and mend, one sentence each; none when all is well."""
    interface = world.config.director.interface
    if world.nic is not None and world.nic.mac is None:
        yield f"{interface} is gone: nothing arrives and nothing is sent"
    elif world.nic is not None and not world.nic.up:
        yield f"{interface} is down: nothing arrives and nothing is sent"
    if world.refused:
        yield f"the configuration file has faults, so the earlier one runs on: {'; '.join(world.refused)}"
    for service in world.config.services:
        for real in service.reals:
            if why := obstacle(world, real.address, now):
                yield f"{service.name}: {real.address} gets no connections: {why}"
        if service.sorry and (why := obstacle(world, service.sorry, now)):
            yield f"{service.name}: the sorry server {service.sorry} could not serve: {why}"


def _configured(world: World, config: Config) -> World:
    if config == world.config:
        return replace(world, refused=()) if world.refused else world
    watched = _addresses(config)
    if watched == world.watched:
        return replace(world, config=config, refused=())
    neighbours = {address: known for address, known in world.neighbours.items() if address in watched}
    return replace(world, config=config, watched=watched, neighbours=neighbours, refused=())


def _addresses(config: Config) -> frozenset[Address]:
    reals = {real.address for service in config.services for real in service.reals}
    return frozenset(reals | {service.sorry for service in config.services if service.sorry})


def _neighbour(before: Neighbour | None, fact: NeighbourResolved | NeighbourLost, now: float) -> Neighbour | None:
    match fact:
        case NeighbourLost():
            return replace(before, answers=False, since=now) if before and before.answers else before
        case NeighbourResolved():
            if before and before.answers:
                return before if before.mac == fact.mac else replace(before, mac=fact.mac)
            return Neighbour(fact.mac, answers=True, since=now)


def _learned(world: World, news: Mapping[Address, Neighbour]) -> World:
    """Word of an address that the configuration has dropped meanwhile is dropped too."""
    kept = {address: known for address, known in news.items() if address in world.watched}
    return replace(world, neighbours={**world.neighbours, **kept}) if kept else world


def _plan_service(world: World, service: Service) -> ServicePlan:
    reals = tuple(_plan_real(world, real) for real in service.reals)
    enough = sum(real.schedulable and real.weight > 0 for real in reals) >= service.minimum
    return ServicePlan(
        name=service.name,
        vip=service.vip,
        ports=service.ports,
        scheduler=service.scheduler,
        reals=reals,
        scheduler_flags=service.scheduler_flags,
        on_down=service.on_down,
        persistence=ceil(service.persistence or 0),
        persistence_mask=service.persistence_mask or service.vip.max_prefixlen,
        one_packet=service.one_packet,
        sorry=None if service.sorry is None or enough else _plan_real(world, Real(service.sorry)),
    )


def _plan_real(world: World, real: Real) -> RealPlan:
    neighbour = world.neighbours.get(real.address)
    return RealPlan(
        address=real.address,
        weight=real.weight,
        mac=neighbour.mac if neighbour else None,
        up=neighbour is None or neighbour.answers,
        upper=real.upper,
        lower=real.lower,
    )


def _question(address: Address) -> str:
    return "ARP" if address.version == 4 else "neighbour solicitation"
