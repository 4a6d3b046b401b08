"""Which checks a configuration asks for."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

from carom.checks.checker import Checker, Target, Unmet
from carom.checks.registry import build
from carom.core.check_target import target_port
from carom.model import Address, Check, Config, Service, Via
from carom.outcome import Outcome, Reason

Marks = Mapping[tuple[Address, Address], int]
"""The mark that leads to a VIP (first) on a real server (second); `carom.net.viaroute` makes them."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One check, over and over. Equal probes are made once, for however many services."""

    checker: Checker
    target: Target
    every: float
    """Seconds."""

    @property
    def to_vip(self) -> bool:
        return self.target.mark != 0


@dataclass(frozen=True, slots=True)
class Job:
    """Whose health a probe tells."""

    service: str
    real: Address
    probe: Probe


@dataclass(frozen=True, slots=True)
class NoWay:
    """Stands in for a check of a VIP to which no way could be laid."""

    vip: Address

    async def check(self, target: Target) -> Outcome:
        raise Unmet(Reason.FAULT, f"there is no way to {self.vip} on {target.real}: is it on the director's segment?")


def jobs(config: Config, marks: Marks, own: Container[Address] = ()) -> Iterator[Job]:
    """Every check of every real server of every service; `own` are the addresses of the director's host.

    A real server that is the director itself is checked at the VIP where the host has it, else at its own address: what
    the host sends to a VIP of the data plane's never comes back to it.
    """
    for service in config.services:
        if service.check is not None:
            yield from _of_service(service, service.check, marks, own)


def _of_service(service: Service, check: Check, marks: Marks, own: Container[Address]) -> Iterator[Job]:
    checker = build(check.kind, check.options)
    port = target_port(service) or 0
    for real in service.reals:
        if real.address in own and check.via is Via.VIP:
            address = service.vip if service.vip in own else real.address
            target = Target(address, port, real.address, 0, check.timeout)
            yield Job(service.name, real.address, Probe(checker, target, check.every))
        elif check.via is Via.REAL:
            target = Target(real.address, port, real.address, 0, check.timeout)
            yield Job(service.name, real.address, Probe(checker, target, check.every))
        elif mark := marks.get((service.vip, real.address)):
            target = Target(service.vip, port, real.address, mark, check.timeout)
            yield Job(service.name, real.address, Probe(checker, target, check.every))
        else:
            target = Target(real.address, port, real.address, 0, check.timeout)
            yield Job(service.name, real.address, Probe(NoWay(service.vip), target, check.every))


def paths(config: Config, own: Container[Address] = ()) -> frozenset[tuple[Address, Address]]:
    """Every VIP and real server between which a check needs a way of its own; the director itself needs none."""
    return frozenset(
        (service.vip, real.address)
        for service in config.services
        if service.check is not None and service.check.via is Via.VIP
        for real in service.reals
        if real.address not in own
    )
