"""The oracle's flow table: a dictionary, and IPVS's TCP states as a table that reads like one.

A director by direct routing sees only what the client sends; these are the transitions IPVS makes then (its INPUT-ONLY
table), and its timeouts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from carom.core import flows
from carom.dataplane.fake.packet import Ends, Segment
from carom.dataplane.fake.templates import Template
from carom.model import Address, Protocol, Timeouts

_STATES = ["NO", "ES", "SS", "SR", "FW", "TW", "CL", "CW", "LA", "LI", "SA"]
_NEXT = {
    Segment.SYN: ["SR", "ES", "ES", "SR", "SR", "SR", "SR", "SR", "SR", "SR", "SR"],
    Segment.FIN: ["CL", "FW", "SS", "TW", "FW", "TW", "CL", "CW", "LA", "LI", "TW"],
    Segment.ACK: ["ES", "ES", "SS", "ES", "FW", "TW", "CL", "CW", "CL", "LI", "ES"],
    Segment.RST: ["CL", "CL", "CL", "SR", "CL", "CL", "CL", "CL", "LA", "LI", "CL"],
}
_SCTP_STATES = ["NO", "I1", "IN", "CE", "sES", "sSR", "sCL"]
_SCTP_NEXT = {
    Segment.SCTP_DATA: ["sES", "I1", "IN", "CE", "sES", "sSR", "sCL"],
    Segment.SCTP_INIT: ["I1", "IN", "IN", "CE", "sES", "sSR", "IN"],
    Segment.SCTP_INIT_ACK: ["CE", "CE", "CE", "CE", "sES", "sSR", "sCL"],
    Segment.SCTP_COOKIE_ECHO: ["sES", "sES", "sES", "CE", "sES", "sSR", "sCL"],
    Segment.SCTP_COOKIE_ACK: ["sES", "I1", "IN", "sES", "sES", "sSR", "sCL"],
    Segment.SCTP_SHUTDOWN: ["sSR", "I1", "IN", "CE", "sSR", "sSR", "sCL"],
    Segment.SCTP_SHUTDOWN_ACK: ["sCL", "IN", "IN", "CE", "sCL", "sSR", "sCL"],
    Segment.SCTP_SHUTDOWN_COMPLETE: ["sCL", "sCL", "sCL", "CE", "sES", "sCL", "sCL"],
    Segment.SCTP_ERROR: ["sCL", "I1", "IN", "CE", "sES", "sSR", "sCL"],
    Segment.SCTP_ABORT: ["sCL", "sCL", "sCL", "sCL", "sCL", "sCL", "sCL"],
}
"""Those of SCTP's states that a client's packets alone can lead to."""
TIMEOUTS = {
    "NO": 2,
    "ES": 900,
    "SS": 120,
    "SR": 60,
    "FW": 120,
    "TW": 120,
    "CL": 10,
    "CW": 60,
    "LA": 30,
    "LI": 120,
    "SA": 120,
    "UDP": 300,
    "I1": 4,
    "IN": 61,
    "CE": 61,
    "sES": 900,
    "sSR": 61,
    "sCL": 61,
}
"""Seconds without a packet until a flow has ended, by state."""
NAMES = dict(zip(TIMEOUTS, flows.STATES, strict=True))
"""What people call the states."""
ACTIVE = frozenset({"ES", "SS", "SR", "SA", "sES"})

OVER = frozenset({"TW", "CL", "sCL"})
"""The connection has ended: a SYN, or an INIT, begins another on its port, as with IPVS's conn_reuse_mode 1."""

HALF_OPEN = frozenset({"SR", "SA", "I1", "IN"})
"""A SYN came, and no ACK yet; or an INIT, and no COOKIE ECHO."""


def state_after(state: str, segment: Segment) -> str:
    """What is none of a flow's segments changes nothing."""
    if segment is Segment.DATAGRAM:
        return "UDP"
    if segment in _SCTP_NEXT:
        return _SCTP_NEXT[segment][_SCTP_STATES.index(state)] if state in _SCTP_STATES else state
    return _NEXT[segment][_STATES.index(state)] if segment in _NEXT else state


@dataclass(slots=True)
class Flow:
    """One connection: the real server it has, and where it stands."""

    service: str
    real: Address
    state: str
    seen: int
    """The second of its last packet."""
    template: Template | None = None
    """Its client's, if it holds one."""

    def has_ended(self, now: int, timeouts: Mapping[str, int] = TIMEOUTS) -> bool:
        return now - self.seen > timeouts[self.state]


@dataclass(slots=True)
class Flows:
    """All flows. It has room for every one: what becomes of a full table is no question for an oracle."""

    by_ends: dict[Ends, Flow] = field(default_factory=dict)
    timeouts: Mapping[str, int] = field(default_factory=lambda: TIMEOUTS)

    def use(self, timeouts: Timeouts) -> None:
        """These count from now on, for the flows there are too."""
        numbers = {name.replace("-", "_"): state for state, name in NAMES.items()}
        self.timeouts = TIMEOUTS | {numbers[name]: seconds for name, seconds in asdict(timeouts).items()}

    def has_ended(self, flow: Flow, now: int) -> bool:
        return flow.has_ended(now, self.timeouts)

    def living(self, ends: Ends, now: int) -> Flow | None:
        flow = self.by_ends.get(ends)
        return flow if flow and not self.has_ended(flow, now) else None

    def loads(self, service: str, real: Address, now: int) -> tuple[int, int]:
        """Active and inactive flows of a real server of a service."""
        states = [
            flow.state
            for flow in self.by_ends.values()
            if (flow.service, flow.real) == (service, real) and not self.has_ended(flow, now)
        ]
        active = sum(state in ACTIVE for state in states)
        return active, len(states) - active


def seen(ends: Ends, flow: Flow, now: int, timeouts: Mapping[str, int] = TIMEOUTS) -> flows.Flow:
    """A flow as it is shown to somebody who looks."""
    idle = now - flow.seen
    protocol = next(protocol for protocol in Protocol if protocol.number == ends.protocol)
    return flows.Flow(
        *(ends.client, ends.client_port, ends.vip, ends.vip_port, protocol),
        *(flow.service, flow.real, NAMES[flow.state], idle, timeouts[flow.state] - idle),
        persistent=flow.template is not None,
    )
