"""The seams: what the engine asks of the outside world, as protocols.

Adapters implement these and never import each other; the engine knows these and no adapter. Each is handed a whole
wish with one verb and writes the difference itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from carom.core.explain import Question, Sight
from carom.core.flows import Flow, Wanted
from carom.core.plan import Plan
from carom.model import Address, Config
from carom.outcome import Checked


@dataclass(frozen=True, slots=True)
class Counter:
    """Packets and bytes since the data plane was first attached. Bytes are whole Ethernet frames without FCS."""

    packets: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class RealReading:
    """What the data plane knows of one real server of one service."""

    service: str
    address: Address
    counter: Counter
    """Sent to it."""
    new_flows: int
    """Flows scheduled to it since the data plane was first attached."""
    active: int
    """Flows in IPVS's active states (SYN sent/received, established)."""
    inactive: int
    syns_repeated: int = 0
    """SYNs of flows that had begun with one before."""
    handshakes_lost: int = 0
    """Flows that ended, or had to make room, before their client's first ACK."""


@dataclass(frozen=True, slots=True)
class ReasonReading:
    """How many packets ended in one of the ways that `bpf/reason.h` lists."""

    name: str
    sentence: str
    """For the operator: what became of the packet, and why."""
    normal: bool
    """Whether a healthy director in production sees it all the time."""
    counter: Counter = Counter()


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at the data plane's counters."""

    reals: Sequence[RealReading] = ()
    reasons: tuple[ReasonReading, ...] = ()
    """Every way a packet can end, in `bpf/reason.h`'s order."""
    flows4: int = 0
    """Entries in the flow table of IPv4."""
    flows6: int = 0
    flow_capacity: int = 0
    """Of each of the two tables."""


@dataclass(frozen=True, slots=True)
class FlowSlice:
    """What one slice of the flow tables holds of what is wanted."""

    flows: tuple[Flow, ...] = ()
    next: int | None = None
    """The place from which to go on; None: the tables end here."""


@dataclass(frozen=True, slots=True)
class FlowCount:
    """How many flows of what is wanted one slice of the flow tables holds."""

    states: Mapping[str, int] = field(default_factory=dict)
    """By state; those of which there are none are left out."""
    next: int | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """How the data plane sits on its NIC."""

    plane: str
    """`xdp`, `ipvs` or `fake`."""
    interface: str
    mode: str
    """`native` or `generic` for XDP; empty elsewhere."""
    taken_over: bool
    """True: it was found running, with its flows, and taken over; False: attached afresh."""
    inside: str = ""
    """The NIC by which real servers are reached, where that is another."""


class DataPlane(Protocol):
    """What forwards the packets. All methods block and may be called from one thread at a time."""

    def attach(self) -> Attachment:
        """Attach, or take over what an earlier daemon left running. Raises DataPlaneError or UnsupportedError."""

    def apply(self, plan: Plan) -> None:
        """Make the plan true. Raises DataPlaneError, in which case the earlier plan still stands, whole."""

    def disturbance(self) -> str:
        """What somebody else has done to it since it was attached, as a clause; empty: nothing. Asked every second."""

    def mend(self) -> None:
        """Put right what was disturbed; flows stay. Raises CaromError if that cannot be done."""

    def read(self) -> Reading:
        """Read the counters."""

    def flows(self, wanted: Wanted, place: int, most: int) -> FlowSlice:
        """Living flows, from this place of the flow tables on (0: from their beginning).

        At most `most` (1 or more), and at most one slice of the tables: each call is short and takes little memory.

        A flow keeps its place while it lives: whoever goes on from `next` to the end sees each flow once that lived all
        the while.
        """

    def count_flows(self, wanted: Wanted, place: int) -> FlowCount:
        """How many there are in the slice at this place."""

    def explain(self, question: Question) -> Sight:
        """Where the first packet of this connection would go now, and what that follows from; it changes nothing."""

    def close(self) -> None:
        """Let go of it; what is pinned keeps forwarding."""

    def detach(self) -> tuple[str, ...]:
        """Take everything away: link, maps, pins. Returns what was removed, in words; empty when nothing was."""


class Neighbours(Protocol):
    """Who has which address on the segment: the kernel's neighbour table, kept fresh."""

    async def watch(self, addresses: frozenset[Address], changed: Callable[[Address, bytes | None], None]) -> None:
        """Resolve these addresses (the whole wish: it replaces the earlier set) and keep them resolved.

        `changed` is called in the event loop with a MAC of 6 bytes as one becomes known or changes, and with None
        when the kernel gives the address up. What the kernel knows already is reported before this returns.
        """


class Announcer(Protocol):
    """Tells the segment that a VIP is here now."""

    def announce(self, vips: tuple[Address, ...]) -> None:
        """Send a gratuitous ARP (RFC 5227 section 3) or an unsolicited NA (RFC 4861 section 7.2.6) for each."""


class Checks(Protocol):
    """Health checks of real servers."""

    async def watch(self, config: Config, report: Callable[[Checked], None]) -> None:
        """Make the checks that this configuration asks for (the whole wish: it replaces the earlier one).

        `report` is called in the event loop with each result. Wishing the same again mends what a link that went down
        took away. Raises CaromError if some cannot be made; those that can be are made.
        """
