"""What the next daemon needs to know of the real servers, as JSON and back.

Times are the engine's clock, which counts since the host started: a memory is only used where the data plane went on,
and that ends with the host as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from ipaddress import ip_address
from typing import Any

from carom.core.health import Health
from carom.core.world import Memory
from carom.outcome import Diagnosis, Outcome, Reason, Verdict

_FIELDS = ("up", "proven", "since", "streak", "climbs", "falls", "fell", "share")


def as_json(memory: Memory) -> dict[str, Any]:
    """The memory as one JSON object."""
    return {
        "health": {
            service: {str(address): _record(record) for address, record in records.items()}
            for service, records in memory.health.items()
        },
        "leaving": [[service, str(address), until] for (service, address), until in memory.leaving.items()],
    }


def from_json(document: Mapping[str, Any]) -> Memory:
    """The memory in an object that `as_json` made; an empty one if it is of another make."""
    try:
        return Memory(
            {
                service: {ip_address(address): _health(found) for address, found in records.items()}
                for service, records in document["health"].items()
            },
            {(service, ip_address(address)): float(until) for service, address, until in document["leaving"]},
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return Memory()


def _record(record: Health) -> dict[str, Any]:
    found: dict[str, Any] = {name: getattr(record, name) for name in _FIELDS}
    if record.diagnosis:
        found["diagnosis"] = asdict(record.diagnosis)
    if record.outcome:
        found["found"] = [record.outcome.reason.value, record.outcome.text]
    return found


def _health(found: dict[str, Any]) -> Health:
    health = Health(**{name: found[name] for name in _FIELDS})
    if "diagnosis" in found:
        said = found["diagnosis"]
        health = replace(health, diagnosis=Diagnosis(Verdict(said["verdict"]), said["why"], said["remedy"]))
    if "found" in found:
        reason, text = found["found"]
        health = replace(health, outcome=Outcome(Reason(reason), text))
    return health
