"""News: what has changed between two worlds, as the log, those who listen and the hooks are told it.

`docs/events.md` lists every event. Names stay the same for ever, so that they can be searched for and matched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from carom.core.health import Health
from carom.core.sightings import Reals, finding
from carom.core.world import Records, World, reals_by_mac
from carom.events import InterfaceChanged
from carom.model import Address
from carom.sighting import Sighting

EVENTS = (
    "real server down",
    "real server up",
    "service standing",
    "configuration loaded",
    "configuration refused",
    "interface down",
    "interface up",
    "data plane disturbed",
    "data plane mended",
    "vip misused",
    "vip misuse ended",
    "neighbour lost",
    "neighbour found",
    "weight overridden",
    "override ended",
    "drain deadline over",
    "real server leaves",
    "real server left",
)
"""Every event there is."""


@dataclass(frozen=True, slots=True)
class News:
    """One event."""

    event: str
    fields: Mapping[str, object] = field(default_factory=dict)
    """What JSON can hold."""
    grave: bool = False
    """Whether somebody should be told at night."""

    def as_json(self, when: datetime) -> dict[str, object]:
        """What whoever listens is told."""
        told = {"time": when.isoformat(timespec="milliseconds"), "event": self.event, "grave": self.grave}
        return {**told, **self.fields}


def news(before: World, after: World, now: float) -> Iterator[News]:
    """What happened, in an order in which it makes sense."""
    director = after.config.director
    yield from _interface(director.interface, before.nic, after.nic)
    yield from _interface(director.inside, before.inside, after.inside)
    if after.disturbed != before.disturbed:
        yield from _disturbed(director.interface, after.disturbed)
    if after.refused and after.refused != before.refused:
        yield News("configuration refused", {"faults": list(after.refused)}, grave=True)
    if after.config is not before.config:
        reals = sum(len(service.reals) for service in after.config.services)
        yield News("configuration loaded", {"services": len(after.config.services), "reals": reals})
    yield from _neighbours(before, after)
    yield from _sightings(before, after)
    yield from _overrides(before, after)
    yield from _leaving(before, after)
    if after.judgements is not before.judgements:
        for name in after.judgements:
            if after.judgements[name] is not before.judgements.get(name):
                yield from _service(before, after, name, now)


def _interface(name: str | None, before: InterfaceChanged | None, after: InterfaceChanged | None) -> Iterator[News]:
    if after is before or after is None or before is None:
        return
    fields = {"interface": name, "mac": after.mac.hex(":") if after.mac else None}
    if after.mac is None or not after.up:
        yield News("interface down", fields, grave=True)
    elif not before.up or after.mac != before.mac:
        yield News("interface up", fields)


def _disturbed(interface: str, how: str) -> Iterator[News]:
    if how:
        yield News("data plane disturbed", {"interface": interface, "why": how}, grave=True)
    else:
        yield News("data plane mended", {"interface": interface})


def _neighbours(before: World, after: World) -> Iterator[News]:
    if after.neighbours is before.neighbours:
        return
    for address, known in after.neighbours.items():
        earlier = before.neighbours.get(address)
        if known is earlier:
            continue
        if not known.answers:
            yield News("neighbour lost", {"address": str(address)})
        elif earlier is not None and not earlier.answers:
            yield News("neighbour found", {"address": str(address), "mac": known.mac.hex(":")})


def _sightings(before: World, after: World) -> Iterator[News]:
    if after.sightings is before.sightings:
        return
    reals = reals_by_mac(after)
    for sighting in after.sightings.keys() - before.sightings.keys():
        yield News("vip misused", _misuse(sighting, reals), grave=True)
    for sighting in before.sightings.keys() - after.sightings.keys():
        yield News("vip misuse ended", _misuse(sighting, reals))


def _misuse(sighting: Sighting, reals: Reals) -> dict[str, object]:
    found = finding(sighting, reals)
    fields = {"vip": str(sighting.vip), "mac": sighting.mac.hex(":"), "finding": found.name, "real": found.server}
    return {**fields, "why": found.evidence, "remedy": found.remedy}


def _overrides(before: World, after: World) -> Iterator[News]:
    if after.overrides is not before.overrides:
        for name, said in after.overrides.items():
            if said != before.overrides.get(name):
                yield News("weight overridden", _named(*name) | {"weight": said.weight, "by": said.by})
        for name in before.overrides.keys() - after.overrides.keys():
            yield News("override ended", _named(*name))
    for name in after.ended - before.ended:
        yield News("drain deadline over", _named(*name))


def _leaving(before: World, after: World) -> Iterator[News]:
    if after.leaving is before.leaving:
        return
    for name in after.leaving.keys() - before.leaving.keys():
        yield News("real server leaves", _named(*name))
    for name in before.leaving.keys() - after.leaving.keys():
        yield News("real server left", _named(*name))


def _service(before: World, after: World, name: str, now: float) -> Iterator[News]:
    earlier, later = before.health.get(name, {}), after.health.get(name, {})
    for real, record in later.items():
        known = earlier.get(real)
        if known is not None and (known.up, known.proven) != (record.up, record.proven):
            yield from _turned(name, real, known, record, now)
    was, judgement = before.judgements.get(name), after.judgements[name]
    if was is None or was.standing is judgement.standing or not _told(earlier):
        return
    grave = judgement.standing != "serving"
    yield News("service standing", {"service": name, "standing": judgement.standing, "was": was.standing}, grave=grave)


def _told(records: Records) -> bool:
    """Whether checks have told of every real server: what comes before that is no news."""
    return all(record.proven for record in records.values())


def _turned(name: str, real: Address, before: Health, after: Health, now: float) -> Iterator[News]:
    if after.up:
        if before.proven:
            yield News("real server up", _named(name, real) | {"down_seconds": round(now - before.since, 1)})
        return
    found: dict[str, object] = {}
    if after.diagnosis:
        found = {"verdict": after.diagnosis.verdict, "why": after.diagnosis.why, "remedy": after.diagnosis.remedy}
    elif after.outcome:
        found = {"why": after.outcome.text or after.outcome.reason}
    yield News("real server down", _named(name, real) | found, grave=True)


def _named(service: str, real: Address) -> dict[str, object]:
    return {"service": service, "real": str(real)}
