"""Flows as somebody who looks sees them, and what they can be asked for by.

A flow is named by its client, its client's port, the VIP, the VIP's port and the protocol. Its states are IPVS's, for a
director that sees the client's half only; `docs/data-plane.md` says how they follow each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from carom.model import Address, Protocol

Network = IPv4Network | IPv6Network
STATES = (
    *("none", "established", "syn-sent", "syn-recv", "fin-wait", "time-wait"),
    *("close", "close-wait", "last-ack", "listen", "synack", "udp"),
    *("sctp-init1", "sctp-init", "sctp-echoed", "sctp-established", "sctp-shutdown", "sctp-closed"),
)
LONGEST_TIMEOUT = 0xFFFF
"""Seconds without a packet for which a flow may be remembered at most."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One connection that the data plane remembers."""

    client: Address
    client_port: int
    vip: Address
    vip_port: int
    protocol: Protocol
    service: str
    """Empty: its real server is of no service that is known any more."""
    real: Address | None
    state: str
    """One of STATES."""
    idle: int
    """Seconds since its last packet."""
    remaining: int
    """Seconds until it is forgotten, if no packet comes."""
    persistent: bool = False
    """Whether it holds its client's template."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which flows somebody wants to see; None: whatever it is."""

    client: Network | None = None
    vip: Address | None = None
    service: str | None = None
    real: Address | None = None
    protocol: Protocol | None = None
    state: str | None = None
    idle: int = 0
    """At least so many seconds without a packet."""

    def has(self, flow: Flow) -> bool:
        """Whether this is one of them."""
        return (
            (self.client is None or flow.client in self.client)
            and self.vip in (None, flow.vip)
            and self.service in (None, flow.service)
            and self.real in (None, flow.real)
            and self.protocol in (None, flow.protocol)
            and self.state in (None, flow.state)
            and flow.idle >= self.idle
        )
