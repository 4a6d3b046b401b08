"""The status document: a snapshot in words, as `GET /v1/status` answers it.

Everything is counted since the data plane was first attached; rates are per second, between the last two readings.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from carom.core.plan import RealPlan, ServicePlan
from carom.core.world import findings, obstacle
from carom.engine import Snapshot
from carom.model import Address
from carom.ports import Counter, RealReading

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


def status_document(snapshot: Snapshot, about: About) -> Document:
    """The whole document."""
    view = _View(snapshot)
    return {
        "version": about.version,
        "director": {
            "interface": snapshot.attachment.interface,
            "plane": snapshot.attachment.plane,
            "mode": snapshot.attachment.mode,
            "taken_over": snapshot.attachment.taken_over,
            "mac": _mac(snapshot.world.mac),
            "answering": snapshot.plan.answering,
            "since": about.since,
            "config_file": about.config_file,
            "pid": about.pid,
        },
        "reasons": [
            {
                "name": reason.name,
                "packets": reason.counter.packets,
                "bytes": reason.counter.bytes,
                "normal": reason.normal,
                "sentence": reason.sentence,
            }
            for reason in snapshot.reading.reasons
        ],
        "flows": {"used": snapshot.reading.flows, "capacity": snapshot.reading.flow_capacity},
        "faults": [*snapshot.troubles, *findings(snapshot.world, snapshot.now)],
        "services": [view.service(service) for service in snapshot.plan.services],
    }


def encoded(document: Document) -> bytes:
    """The document as JSON, a service at a time: the encoder keeps the interpreter to itself while it runs."""
    services = ", ".join(json.dumps(service) for service in document["services"])
    rest = json.dumps({name: value for name, value in document.items() if name != "services"})
    return f'{rest[:-1]}, "services": [{services}]}}'.encode()


class _View:
    """A snapshot with its readings at hand by service and real server."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._readings = _by_real(snapshot.reading.reals)
        self._earlier = _by_real(snapshot.earlier.reals)

    def service(self, service: ServicePlan) -> Document:
        reals = [self._real(service, real) for real in service.reals]
        return {
            "name": service.name,
            "vip": str(service.vip),
            "ports": [str(ports) for ports in service.ports],
            "scheduler": service.scheduler.value,
            "reals": reals,
            "sorry": None if service.sorry is None else self._real(service, service.sorry),
            "totals": _totals(reals),
        }

    def _real(self, service: ServicePlan, real: RealPlan) -> Document:
        key = service.name, real.address
        reading = self._readings.get(key) or RealReading(*key, Counter(), 0, 0, 0)
        return {
            "address": str(real.address),
            "weight": real.weight,
            "effective_weight": real.weight if real.schedulable else 0,
            "mac": _mac(real.mac),
            "up": real.schedulable,
            "why": obstacle(self._snapshot.world, real.address, self._snapshot.now),
            "active": reading.active,
            "inactive": reading.inactive,
            "packets": reading.counter.packets,
            "bytes": reading.counter.bytes,
            "new_flows": reading.new_flows,
            "rates": self._rates(reading, self._earlier.get(key) or reading),
        }

    def _rates(self, now: RealReading, before: RealReading) -> Document:
        return {
            "packets": self._rate(now.counter.packets - before.counter.packets),
            "bytes": self._rate(now.counter.bytes - before.counter.bytes),
            "new_flows": self._rate(now.new_flows - before.new_flows),
        }

    def _rate(self, difference: int) -> float:
        apart = self._snapshot.apart
        return round(difference / apart, 1) if difference > 0 and apart > 0 else 0.0


def _totals(reals: Iterable[Document]) -> Document:
    reals = tuple(reals)
    sums: Document = {
        name: sum(real[name] for real in reals) for name in ("active", "inactive", "packets", "bytes", "new_flows")
    }
    sums["rates"] = {
        name: round(sum(real["rates"][name] for real in reals), 1) for name in ("packets", "bytes", "new_flows")
    }
    return sums


def _by_real(readings: Iterable[RealReading]) -> Readings:
    return {(reading.service, reading.address): reading for reading in readings}


def _mac(mac: bytes | None) -> str | None:
    return None if mac is None else mac.hex(":")
