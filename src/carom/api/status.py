"""The status document: a snapshot in words, as `GET /v1/status` answers it.

Everything is counted since the data plane was first attached; rates are per second, over the last second and minute.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from carom.change import Standing
from carom.core import handshakes
from carom.core.findings import findings, obstacle, sentence
from carom.core.handshakes import Handshakes
from carom.core.health import Health
from carom.core.plan import RealPlan, ServicePlan
from carom.events import Override
from carom.finding import Finding, Verdict
from carom.model import Address
from carom.ports import Counter, RealReading, ReasonReading
from carom.rates import Rate, rate, reason_rate
from carom.snapshot import Snapshot

Document = dict[str, Any]
Readings = Mapping[tuple[str, Address], RealReading]


@dataclass(frozen=True, slots=True)
class About:
    """The daemon itself."""

    version: str
    config_file: str
    pid: int
    since: str
    """When the daemon became ready, RFC 3339."""


def status_document(
    snapshot: Snapshot, about: About, epoch: float, standing: Standing, more: Iterable[Finding] = ()
) -> Document:
    """The whole document; `epoch` is the time of day, in seconds since 1970, when the engine's clock was 0."""
    view = _View(snapshot, epoch)
    found = (*findings_of(snapshot), *more)
    return {
        "version": about.version,
        "director": {
            "interface": snapshot.attachment.interface,
            "plane": snapshot.attachment.plane,
            "mode": snapshot.attachment.mode,
            "taken_over": snapshot.attachment.taken_over,
            "mac": _mac(snapshot.world.mac),
            "inside": _inside(snapshot),
            "answering": snapshot.plan.answering,
            "since": about.since,
            "config_file": about.config_file,
            "pid": about.pid,
        },
        "configuration": {
            "version": standing.version,
            "confirm_by": None if standing.confirm_by is None else _time(standing.confirm_by),
            "drift": standing.drifted,
        },
        "reasons": [view.reason(reason) for reason in snapshot.reading.reasons],
        "flows": {
            "ipv4": snapshot.reading.flows4,
            "ipv6": snapshot.reading.flows6,
            "capacity": snapshot.reading.flow_capacity,
        },
        "faults": [*snapshot.troubles, *map(sentence, of_verdict(found, Verdict.FAULT))],
        "warnings": [sentence(finding) for finding in of_verdict(found, Verdict.WARNING)],
        "services": [view.service(service) for service in snapshot.plan.services],
    }


def _inside(snapshot: Snapshot) -> Document | None:
    """The NIC towards the real servers; None on a director with one."""
    name = snapshot.attachment.inside
    return {"interface": name, "mac": _mac(snapshot.world.inside_mac)} if name else None


def findings_of(snapshot: Snapshot) -> Iterator[Finding]:
    """What is not as it should be, by the world and by the counters."""
    yield from findings(snapshot.world, snapshot.now)
    shaken, seconds = snapshot.handshakes, snapshot.now - snapshot.past_at
    for service in snapshot.world.services:
        yield from handshakes.findings(service, shaken.get(service, {}), seconds)


def of_verdict(found: Iterable[Finding], verdict: Verdict) -> Iterable[Finding]:
    return (finding for finding in found if finding.verdict is verdict)


class _View:
    """A snapshot with its readings at hand by service and real server."""

    def __init__(self, snapshot: Snapshot, epoch: float) -> None:
        self._snapshot, self._world, self._epoch = snapshot, snapshot.world, epoch
        self._readings = _by_real(snapshot.reading.reals)
        self._earlier = _by_real(snapshot.earlier.reals)
        self._handshakes = snapshot.handshakes
        self._reasons = {reason.name: reason.counter for reason in snapshot.earlier.reasons}
        self._written = {
            (service.name, real.address): real.weight
            for service in snapshot.world.config.services
            for real in service.reals
        }

    def service(self, service: ServicePlan) -> Document:
        reals = [self._real(service, real) for real in service.reals]
        sorry = None if service.sorry is None else self._real(service, service.sorry)
        judgement = self._world.judgements.get(service.name)
        return {
            "name": service.name,
            "vip": str(service.vip),
            "ports": [str(ports) for ports in service.ports],
            "scheduler": service.scheduler.value,
            "standing": judgement.standing.value if judgement else "serving",
            "reals": reals,
            "sorry": sorry,
            "totals": _totals(reals if sorry is None else [*reals, sorry]),
        }

    def _real(self, service: ServicePlan, real: RealPlan) -> Document:
        key = service.name, real.address
        reading = self._readings.get(key) or RealReading(*key, Counter(), 0, 0, 0)
        record = self._world.health.get(service.name, {}).get(real.address)
        said = self._world.overrides.get(key)
        return {
            "address": str(real.address),
            "state": self._state(service, real, record),
            "weight": self._written.get(key, 0 if key in self._world.leaving else real.weight),
            "effective_weight": self._effective(service, real),
            "mac": _mac(real.mac),
            "up": real.schedulable,
            "why": obstacle(self._world, service.name, real.address, self._snapshot.now),
            "since": self._time(record.since) if record else None,
            "check": _check(record),
            "override": self._override(said) if said else None,
            "active": reading.active,
            "inactive": reading.inactive,
            "packets": reading.counter.packets,
            "bytes": reading.counter.bytes,
            "new_flows": reading.new_flows,
            "rates": _rates(self._second(reading)),
            "rates_minute": _rates(self._snapshot.minute.real(reading, self._snapshot.read_at)),
            "handshakes": self._shaken(service.name, real.address),
        }

    def _state(self, service: ServicePlan, real: RealPlan, record: Health | None) -> str:
        key = service.name, real.address
        if not real.schedulable:
            return "checking" if record and not record.proven else "down"
        if key in self._world.leaving:
            return "leaving"
        if not real.weight:
            return "draining" if key in self._world.overrides else "quiesced"
        return "up"

    def _effective(self, service: ServicePlan, real: RealPlan) -> float:
        """In the configured weights' own measure, whatever the plan multiplies them by."""
        if not real.schedulable:
            return 0
        judgement = self._world.judgements.get(service.name)
        weight = real.weight / (judgement.scale if judgement else 1)
        return int(weight) if weight == int(weight) else round(weight, 2)

    def _override(self, said: Override) -> Document:
        return {
            "weight": said.weight,
            "by": said.by,
            "since": self._time(said.since),
            "deadline": None if said.deadline is None else self._time(said.deadline),
        }

    def _time(self, moment: float) -> str:
        return _time(self._epoch + moment)

    def reason(self, reason: ReasonReading) -> Document:
        """One way for a packet to end."""
        now, seen = reason.counter, self._snapshot
        second = reason_rate(now, self._reasons.get(reason.name, now), seen.apart)
        minute = seen.minute.reason(reason.name, now, seen.read_at)
        return {
            "name": reason.name,
            "packets": now.packets,
            "bytes": now.bytes,
            "rates": {"packets": second.packets, "bytes": second.bytes},
            "rates_minute": {"packets": minute.packets, "bytes": minute.bytes},
            "normal": reason.normal,
            "sentence": reason.sentence,
        }

    def _shaken(self, service: str, real: Address) -> Document:
        shaken = self._handshakes.get(service, {}).get(real, Handshakes(0, 0, 0))
        return asdict(shaken) | {"seconds": round(self._snapshot.now - self._snapshot.past_at, 1)}

    def _second(self, reading: RealReading) -> Rate:
        earlier = self._earlier.get((reading.service, reading.address))
        return rate(reading, earlier, self._snapshot.apart)


def _rates(found: Rate) -> Document:
    return {"packets": found.packets, "bytes": found.bytes, "new_flows": found.new_flows}


def _check(record: Health | None) -> Document | None:
    """What the last check found; None where there was none."""
    if record is None or record.outcome is None:
        return None
    outcome, diagnosis = record.outcome, record.diagnosis
    return {
        "ok": outcome.ok,
        "reason": outcome.reason.value,
        "text": outcome.text,
        "seconds": round(outcome.seconds, 6),
        "warnings": list(outcome.warnings),
        "verdict": diagnosis.verdict.value if diagnosis else None,
        "evidence": diagnosis.why if diagnosis else "",
        "remedy": diagnosis.remedy if diagnosis else "",
    }


def _totals(reals: Iterable[Document]) -> Document:
    reals = tuple(reals)
    sums: Document = {
        name: sum(real[name] for real in reals) for name in ("active", "inactive", "packets", "bytes", "new_flows")
    }
    for rates in ("rates", "rates_minute"):
        sums[rates] = {
            name: round(sum(real[rates][name] for real in reals), 1) for name in ("packets", "bytes", "new_flows")
        }
    return sums


def _by_real(readings: Iterable[RealReading]) -> Readings:
    return {(reading.service, reading.address): reading for reading in readings}


def _mac(mac: bytes | None) -> str | None:
    return None if mac is None else mac.hex(":")


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
