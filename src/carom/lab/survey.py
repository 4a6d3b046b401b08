"""A look at a standing lab: what runs in it, what crossed its legs, what its director says."""

from __future__ import annotations

from dataclasses import dataclass, field

from carom.errors import UnreachableError
from carom.lab import breakage, counters, director, namespaces, replies
from carom.lab.counters import Legs
from carom.lab.director import Status
from carom.lab.network import NODES, Wire
from carom.lab.replies import Replies
from carom.lab.standing import Lab, Record


@dataclass(frozen=True, slots=True)
class Survey:
    """One look."""

    lab: Lab
    record: Record
    processes: dict[str, list[int]]
    """Process ids by node, every node named."""
    legs: Legs
    """What crossed each leg since the lab was built."""
    replies: dict[str, Replies]
    """Replies on the segment since then, by port."""
    status: Status | None
    """None: no director answers."""
    broken: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The faults of each node that is broken with any."""

    @property
    def leaked_bytes(self) -> int:
        """Bytes of replies that passed the director."""
        return replies.through(self.replies, "director")


def take(lab: Lab) -> Survey:
    """Look at the lab now. Raises LabError."""
    status = _status(lab)
    return Survey(
        lab=lab,
        record=lab.record,
        processes=_processes(lab),
        legs=director.whole_frames(counters.read(lab.wires), status),
        replies=replies.read(lab.namespace(Wire.SEGMENT)),
        status=status,
        broken=breakage.standing(lab),
    )


def document(survey: Survey) -> dict[str, object]:
    """The look as one JSON document."""
    return {
        "name": survey.lab.name,
        "created": survey.record.created,
        "config": survey.record.config,
        "socket": str(survey.lab.socket),
        "pins": str(survey.lab.pins),
        "vips": list(survey.record.vips),
        "nodes": {name: _node(survey, name) for name in NODES},
        "reply_bytes_through_director": survey.leaked_bytes,
        "director": survey.status,
    }


def _node(survey: Survey, name: str) -> dict[str, object]:
    return {
        "role": str(NODES[name].role),
        "namespace": survey.lab.namespace(name),
        "processes": survey.processes[name],
        "faults": list(survey.broken.get(name, ())),
        "nics": {nic.name: _nic(survey, name, nic.wire) for nic in NODES[name].nics},
    }


def _nic(survey: Survey, name: str, wire: Wire) -> dict[str, object]:
    nic, leg = NODES[name].nic(wire), survey.legs[wire, name]
    return {
        "wire": str(wire),
        "mac": nic.mac,
        "addresses": [str(address) for address in nic.addresses],
        "rx_packets": leg.received_packets,
        "rx_bytes": leg.received_bytes,
        "tx_packets": leg.sent_packets,
        "tx_bytes": leg.sent_bytes,
    }


def _processes(lab: Lab) -> dict[str, list[int]]:
    running = namespaces.processes(lab.namespaces)
    return {name: sorted(pid for pid, where in running.items() if where == lab.namespace(name)) for name in NODES}


def _status(lab: Lab) -> Status | None:
    try:
        return director.status(lab.socket)
    except UnreachableError:
        return None
