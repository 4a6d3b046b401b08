"""What an operator should know of a world, and mend."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from carom.core import sightings
from carom.core.health import Health, Standing
from carom.core.world import World, is_up, reals_by_mac
from carom.events import InterfaceChanged
from carom.finding import Finding, Verdict
from carom.model import Address, Service


def findings(world: World, now: float) -> Iterator[Finding]:
    """Everything that is not as it should be; nothing when all is well."""
    yield from _nics(world)
    if world.disturbed:
        subject = f"the data plane on {world.config.director.interface}:"
        yield Finding("data-plane", subject, Verdict.FAULT, world.disturbed)
    if world.refused:
        evidence = f"has faults, so the earlier one runs on: {'; '.join(world.refused)}"
        yield Finding("configuration", "the configuration file", Verdict.FAULT, evidence, "carom check FILE")
    yield from _misuses(world)
    for peer in world.config.director.peers:
        if why := _unreachable(world, peer, now):
            evidence = f"is not known by its MAC, so what it sends to a VIP would be balanced again: {why}"
            yield Finding("peer", f"the peer director {peer}", Verdict.WARNING, evidence)
    for service in world.services.values():
        yield from _service(world, service)
        for real in service.reals:
            yield from _real(world, service, real.address, now)
        if service.sorry and (why := _unreachable(world, service.sorry, now)):
            subject = f"{service.name}: the sorry server {service.sorry}"
            yield Finding("sorry-server", subject, Verdict.FAULT, f"could not serve: {why}")


def sentence(finding: Finding) -> str:
    """The finding as people read it in one line."""
    return f"{finding.subject} {finding.evidence}"


def obstacle(world: World, service: str, address: Address, now: float) -> str:
    """What keeps a real server from getting connections, as a clause; empty if nothing does, or only its weight."""
    if (service, address) in world.ended:
        return "it was drained, and the deadline is over"
    record = world.health.get(service, {}).get(address)
    if record is None or is_up(world, service, address):
        return _unreachable(world, address, now)
    if not record.proven:
        return _unreachable(world, address, now) or "it has not been checked yet"
    return _unwell(record, now)


def _unwell(record: Health, now: float) -> str:
    found = ""
    if record.diagnosis:
        found = f"{record.diagnosis.verdict.replace('_', ' ')}: {record.diagnosis.why.rstrip('.')}"
    elif record.outcome and not record.outcome.ok:
        found = record.outcome.text or record.outcome.reason.replace("_", " ")
    elif record.outcome:
        return f"its checks have succeeded {record.streak} times in a row, which is not enough yet"
    return f"down for {max(0.0, now - record.since):.0f} s{found and f', {found}'}"


def _unreachable(world: World, address: Address, now: float) -> str:
    """What keeps frames from reaching this address, as a clause; empty if nothing does."""
    interface, nic = world.config.director.towards_reals, world.towards_reals
    neighbour, vlan = world.neighbours.get(address), world.vlans.get(address)
    if address in world.own or (neighbour is not None and neighbour.answers):
        return ""
    question = "ARP" if address.version == 4 else "neighbour solicitation"
    if vlan:
        interface, nic = f"{interface}.{vlan}", None  # the addresses of which nobody has told
    if neighbour is not None:
        return f"no answer to {question} on {interface} for {max(0.0, now - neighbour.since):.0f} s"
    if nic is None or not nic.addresses:
        return f"no answer to {question} on {interface}"
    networks = [str(own.network) for own in nic.addresses if own.version == address.version]
    if any(address in own.network for own in nic.addresses):
        return f"no answer to {question} on {interface}"
    return (
        f"it is not in {interface}'s networks ({', '.join(networks) or f'no IPv{address.version} address'}): "
        "direct routing needs it on the same segment"
    )


def _nics(world: World) -> Iterator[Finding]:
    director = world.config.director
    yield from _nic(director.interface, world.nic, "nothing arrives and nothing is sent")
    if director.inside:
        yield from _nic(director.inside, world.inside, "nothing reaches the real servers")


def _nic(interface: str, nic: InterfaceChanged | None, lost: str) -> Iterator[Finding]:
    if nic is not None and nic.mac is None:
        yield Finding("interface", interface, Verdict.FAULT, f"is gone: {lost}")
    elif nic is not None and not nic.up:
        yield Finding("interface", interface, Verdict.FAULT, f"is down: {lost}", f"ip link set {interface} up")


def _misuses(world: World) -> Iterator[Finding]:
    """Who else is using a VIP."""
    reals = reals_by_mac(world) if world.sightings else {}
    for sighting in world.sightings:
        if sighting.vip in world.config.vips:
            found = sightings.finding(sighting, reals)
            yield replace(found, subject=f"{sighting.vip}:")


_STANDINGS = {
    Standing.SORRY: (Verdict.WARNING, "the sorry server {sorry} stands in: {up} of {all} real servers are up"),
    Standing.FAIL_OPEN: (
        Verdict.FAULT,
        "all {all} real servers are used, though by their checks none is up (fail_open)",
    ),
    Standing.DOWN: (Verdict.FAULT, "no real server takes connections"),
}


def _service(world: World, service: Service) -> Iterator[Finding]:
    judgement = world.judgements[service.name]
    up = sum(judgement.up)
    if _beginning(world, service):
        return
    if judgement.standing in _STANDINGS:
        verdict, evidence = _STANDINGS[judgement.standing]
        words = evidence.format(sorry=service.sorry, up=up, all=len(service.reals))
        yield Finding("service", f"{service.name}:", verdict, words)
    elif up < service.minimum:
        evidence = f"{up} of {len(service.reals)} real servers are up, fewer than its minimum of {service.minimum}"
        yield Finding("service", f"{service.name}:", Verdict.WARNING, evidence)


def _beginning(world: World, service: Service) -> bool:
    """Whether checks have not told of all yet, so that nobody should be alarmed."""
    return any(not record.proven for record in world.health.get(service.name, {}).values())


def _real(world: World, service: Service, address: Address, now: float) -> Iterator[Finding]:
    subject = f"{service.name}: {address}"
    record = world.health.get(service.name, {}).get(address)
    why = obstacle(world, service.name, address, now)
    if why and (record is None or record.proven) and (service.name, address) not in world.ended:
        remedy = record.diagnosis.remedy if record and record.diagnosis else ""
        yield Finding("real-server", subject, Verdict.FAULT, f"gets no connections: {why}", remedy)
    elif record and record.diagnosis:
        evidence = f"fails its checks: {record.diagnosis.why}"
        yield Finding("check", subject, Verdict.WARNING, evidence, record.diagnosis.remedy)
    for warning in record.outcome.warnings if record and record.outcome else ():
        yield Finding("check", subject, Verdict.WARNING, f"is well, but: {warning}")
