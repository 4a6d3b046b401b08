"""What a health check found, and what that means.

An `Outcome` is one check's answer. A `Diagnosis` is what several answers about one real server mean together.
`Checked` is the fact that carries both to the engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from carom.model import Address


class Reason(StrEnum):
    """How a check ended; the first is the only good one."""

    OK = "ok"
    """Everything asked for was answered."""
    SILENT = "silent"
    """Nothing came back, not even a handshake, until the time was up."""
    SLOW = "slow"
    """It answered, but had not finished when the time was up."""
    REFUSED = "refused"
    """Nobody listens there: a TCP reset, or for UDP an ICMP port unreachable."""
    UNREACHABLE = "unreachable"
    """No way to it: no answer to ARP or neighbour solicitation, no route, link down."""
    PROHIBITED = "prohibited"
    """A packet filter said no, by an ICMP error that only a filter sends."""
    FORWARDED = "forwarded"
    """The host tried to pass the packet on: the address is not its own (ICMP time exceeded at one hop)."""
    CLOSED = "closed"
    """The connection was closed or reset before the answer was whole."""
    WRONG_STATUS = "wrong_status"
    """An answer with a status, code or greeting that was not asked for."""
    NO_MATCH = "no_match"
    """An answer in which what is expected was not found."""
    TLS_ERROR = "tls_error"
    """The TLS handshake failed, or its certificate did not verify."""
    BAD_ANSWER = "bad_answer"
    """Bytes that are not the protocol."""
    TOO_LONG = "too_long"
    """More bytes than a check reads."""
    DOWN = "down"
    """The service itself says that it is down: a script's or an HTTP header's word."""
    SCRIPT = "script"
    """The operator's script says no, or was not done in time; what of, only it knows."""
    FAULT = "fault"
    """The check could not be made, through no fault of the real server: a fault of Carom's or of its host."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One check's answer."""

    reason: Reason
    text: str = ""
    """One phrase for a person: what was seen; short and printable whatever the real server sent."""
    seconds: float = 0.0
    """What the check took."""
    weight: float | None = None
    """What the service asks its weight to be, as a factor of the configured one; None: it asks nothing."""
    warnings: tuple[str, ...] = ()
    """What is well today but will not stay so."""

    @property
    def ok(self) -> bool:
        return self.reason is Reason.OK


class Verdict(StrEnum):
    """What is the matter with a real server, in the words that a repair begins with."""

    SERVER_DOWN = "server_down"
    """The host itself does not answer."""
    SERVICE_DOWN = "service_down"
    """The host is there, the service is not."""
    SERVICE_WRONG = "service_wrong"
    """The service answers, but not as it should."""
    VIP_MISSING = "vip_missing"
    """The host is there and serves its own address, but does not take packets for the VIP."""
    VIP_UNSERVED = "vip_unserved"
    """The VIP is there, but the service listens on the real server's own address only."""
    FIREWALLED = "firewalled"
    """A packet filter stands before the service."""
    REPLY_LOST = "reply_lost"
    """What goes to the VIP, or what comes from it, is dropped between the two, or by the director's own host."""
    CHECK_BROKEN = "check_broken"
    """The check itself cannot be made; says nothing about the real server."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is the matter, why that is believed, and what to do."""

    verdict: Verdict
    why: str
    """The evidence, as one sentence."""
    remedy: str
    """What to do, as one sentence."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A real server of a service was checked."""

    service: str
    real: Address
    outcome: Outcome
    diagnosis: Diagnosis | None = None
    """Where the check failed: what that means. None where it went well."""
