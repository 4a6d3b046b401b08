"""From a world to the plan that makes it true, a service at a time.

A service of which nothing has changed keeps its very `ServicePlan`: one real server among 100,000 that goes down costs
one service's plan, and whoever compares two plans finds at once where they differ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

from carom.core.plan import Plan, RealPlan, ServicePlan
from carom.core.world import World
from carom.model import Real, Service


@dataclass(frozen=True, slots=True)
class Planned:
    """A world, and the plan that was made from it."""

    world: World
    plan: Plan


def plan(world: World, earlier: Planned | None = None) -> Plan:
    """Everything the data plane shall do in this world."""
    before = {service.name: service for service in earlier.plan.services} if earlier else {}
    services = []
    for written in world.config.services:
        service = world.services[written.name]
        known = before.get(written.name)
        if known is None or earlier is None or not _unchanged(earlier.world, world, service):
            known = _plan_service(world, service)
        services.append(known)
    return Plan(tuple(services), defence=world.config.defence, timeouts=world.config.timeouts, peers=_peers(world))


def _peers(world: World) -> frozenset[bytes]:
    known = (world.neighbours.get(address) for address in world.config.director.peers)
    return frozenset(neighbour.mac for neighbour in known if neighbour)


def _unchanged(before: World, world: World, service: Service) -> bool:
    """Whether all that this service's plan follows from is the same in both worlds."""
    name = service.name
    if service is not before.services.get(name) or world.judgements[name] is not before.judgements.get(name):
        return False
    if (world.ended, world.guilty, world.own) != (before.ended, before.guilty, before.own):
        return False
    if world.neighbours is before.neighbours:
        return True
    servers = (*(real.address for real in service.reals), *((service.sorry,) if service.sorry else ()))
    return all(world.neighbours.get(address) is before.neighbours.get(address) for address in servers)


def _plan_service(world: World, service: Service) -> ServicePlan:
    judgement = world.judgements[service.name]
    reals = tuple(
        _plan_real(world, real, weight, up=up and (service.name, real.address) not in world.ended)
        for real, up, weight in zip(service.reals, judgement.up, judgement.weights, strict=True)
    )
    reals = _without_guilty(world, reals)
    enough = sum(real.schedulable and real.weight > 0 for real in reals) >= service.minimum
    return ServicePlan(
        name=service.name,
        vip=service.vip,
        ports=service.ports,
        scheduler=service.scheduler,
        reals=reals,
        scheduler_flags=service.scheduler_flags,
        on_down=service.on_down,
        on_no_real=service.on_no_real,
        persistence=ceil(service.persistence or 0),
        persistence_mask=service.persistence_mask or service.vip.max_prefixlen,
        one_packet=service.one_packet,
        sorry=None if service.sorry is None or enough else _plan_real(world, Real(service.sorry), 1, up=True),
    )


def _without_guilty(world: World, reals: tuple[RealPlan, ...]) -> tuple[RealPlan, ...]:
    """No new connections to those that misuse a VIP, unless that leaves nobody to take any."""
    spared = tuple(replace(real, weight=0) if real.mac in world.guilty else real for real in reals)
    return spared if any(real.schedulable and real.weight for real in spared) else reals


def _plan_real(world: World, real: Real, weight: int, *, up: bool) -> RealPlan:
    if real.address in world.own:
        return RealPlan(real.address, weight, None, up=up, upper=real.upper, lower=real.lower, local=True)
    neighbour = world.neighbours.get(real.address)
    return RealPlan(
        address=real.address,
        weight=weight,
        mac=neighbour.mac if neighbour else None,
        up=up and (neighbour is None or neighbour.answers),
        upper=real.upper,
        lower=real.lower,
        mtu=real.mtu,
        vlan=real.vlan,
    )
