"""What several answers about one real server mean together.

A failed check says that something is wrong; where, only its difference from other checks says. Each verdict is one
row of a table that is read from the top; the first row whose evidence fits is the diagnosis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from carom.outcome import Diagnosis, Outcome, Reason, Verdict


class Presence(StrEnum):
    """Whether an address is a host's own, as far as the segment tells."""

    ANSWERS = "answers"
    """It answers a ping."""
    FILTERED = "filtered"
    """It does not, but the host takes packets for it: a packet filter stands behind that."""
    STRANGER = "stranger"
    """A host has the packets for it in its hands, and shows that they are not for it."""
    SILENT = "silent"
    """Nothing shows that it is there."""
    NO_WAY = "no_way"
    """It cannot even be sent to: no answer to ARP or neighbour solicitation, or no route."""
    UNHEARD = "unheard"
    """It answered, and the director's own host dropped the answer."""
    UNKNOWN = "unknown"
    """It could not be asked."""


_HERE = frozenset({Presence.ANSWERS, Presence.FILTERED, Presence.UNHEARD})
_NO_ANSWER = frozenset({Reason.SILENT, Reason.UNREACHABLE})
_NO_SERVICE = _NO_ANSWER | {Reason.REFUSED, Reason.PROHIBITED, Reason.FORWARDED, Reason.SCRIPT, Reason.FAULT}


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was seen of one real server in one go."""

    asked: Outcome
    """The check that failed."""
    host: Presence
    """The real server's own address."""
    vip: Presence | None = None
    """The VIP on this real server; None: the check was not sent to the VIP, and nobody asked."""
    own: Outcome | None = None
    """The same check, sent to the real server's own address; None where `vip` is."""
    frank: bool = False
    """Whether the host shows, at its own address, that it is of those that show whether an address is theirs."""

    @property
    def reason(self) -> Reason:
        return self.asked.reason

    @property
    def silent(self) -> bool:
        """The check had no answer of any kind."""
        return self.reason in _NO_ANSWER

    @property
    def mute(self) -> bool:
        """The check shows nothing of the host: silent, or a script, of which only its author knows what it asks."""
        return self.silent or self.reason is Reason.SCRIPT

    @property
    def own_serves(self) -> bool:
        """The service speaks on the real server's own address, rightly or not."""
        return self.own is not None and self.own.reason not in _NO_SERVICE

    @property
    def own_silent(self) -> bool:
        return self.own is not None and self.own.reason in (Reason.SILENT, Reason.PROHIBITED)

    @property
    def vip_here(self) -> bool:
        return self.vip in _HERE

    @property
    def host_here(self) -> bool:
        spoke = self.own is not None and self.own.reason not in (*_NO_ANSWER, Reason.SCRIPT, Reason.FAULT)
        return self.vip_here or self.host in _HERE or spoke


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of the table."""

    fits: Callable[[Evidence], bool]
    verdict: Verdict
    why: str
    """`{asked}` stands for what the check saw, `{own}` for what it saw at the real server's own address."""
    remedy: str


_OPEN = "Let the packets for the VIP and the service's port through on the real server."
_JOIN = "Put the VIP on the real server's loopback: `carom real-server join` there."
_TABLE = (
    _Row(
        lambda seen: seen.reason is Reason.FAULT,
        Verdict.CHECK_BROKEN,
        "The check could not be made, which says nothing about the real server: {asked}.",
        "Look at the director: its log, its limit of open files, CAP_NET_ADMIN and CAP_NET_RAW, the check's options.",
    ),
    _Row(
        lambda seen: seen.reason is Reason.FORWARDED,
        Verdict.VIP_MISSING,
        "It routes packets for the VIP onwards instead of taking them: {asked}.",
        _JOIN,
    ),
    _Row(
        lambda seen: seen.mute and seen.vip is Presence.STRANGER,
        Verdict.VIP_MISSING,
        "It gets the packets for the VIP, and the VIP is none of its addresses; at its own address: {own}.",
        _JOIN,
    ),
    _Row(
        lambda seen: seen.reason is Reason.PROHIBITED,
        Verdict.FIREWALLED,
        "It says so itself: {asked}.",
        _OPEN,
    ),
    _Row(
        lambda seen: seen.mute and Presence.UNHEARD in (seen.vip, seen.host),
        Verdict.REPLY_LOST,
        "Its answers reach the director's NIC, and the director's own host drops them.",
        "Look at rp_filter on the director's NIC (it must not be 1 where the VIP is routed by another NIC), "
        "and at its packet filter.",
    ),
    _Row(
        lambda seen: seen.mute and not seen.host_here and seen.host is Presence.UNKNOWN,
        Verdict.CHECK_BROKEN,
        "The check had no answer, and the director's own host lets no ping out: {asked}.",
        "Look at the director: its packet filter on output, its limit of open files, CAP_NET_RAW.",
    ),
    _Row(
        lambda seen: seen.mute and not seen.host_here and seen.host is Presence.NO_WAY,
        Verdict.SERVER_DOWN,
        "Nobody answers ARP or neighbour solicitation for its address, or there is no route to it.",
        "See whether it runs, and whether it is on the director's segment.",
    ),
    _Row(
        lambda seen: seen.mute and not seen.host_here,
        Verdict.SERVER_DOWN,
        "It answers neither the check nor a ping, nor anything else.",
        "See whether it runs and has its network.",
    ),
    _Row(
        lambda seen: seen.silent and seen.vip_here and seen.own_serves,
        Verdict.FIREWALLED,
        "It has the VIP and serves its own address, but packets for the service at the VIP vanish: {asked}.",
        _OPEN,
    ),
    _Row(
        lambda seen: seen.mute and seen.vip is Presence.SILENT and seen.frank,
        Verdict.REPLY_LOST,
        "Frames for the VIP, or those that carry it as their source, vanish on the way; at its own address: {own}.",
        "Look for protection against spoofed addresses at its switch port, hypervisor or cloud, "
        "and for a packet filter on it that drops before routing or on output.",
    ),
    _Row(
        lambda seen: seen.silent and not seen.vip_here and seen.own_silent,
        Verdict.FIREWALLED,
        "It is there, but packets for the service vanish at its own address too: {own}.",
        "Let them through on the real server, or see whether the service hangs with its queue full.",
    ),
    _Row(
        lambda seen: seen.mute and seen.vip is not None and not seen.vip_here,
        Verdict.VIP_MISSING,
        "It is there, but gives no sign of having the VIP: {asked}; at its own address: {own}.",
        f"{_JOIN} If the VIP is there, something on the way drops frames that carry it.",
    ),
    _Row(
        lambda seen: seen.silent,
        Verdict.FIREWALLED,
        "It is there, but packets for the service vanish: {asked}.",
        "Let them through on the real server, or see whether the service hangs with its queue full.",
    ),
    _Row(
        lambda seen: seen.reason is Reason.REFUSED and seen.own_serves,
        Verdict.VIP_UNSERVED,
        "The service answers at the real server's own address, but nobody listens at the VIP.",
        "Let the service listen on the VIP as well, or on all addresses.",
    ),
    _Row(
        lambda seen: seen.reason in (Reason.REFUSED, Reason.DOWN),
        Verdict.SERVICE_DOWN,
        "The host is there, the service is not: {asked}.",
        "Start the service, or see why it stopped.",
    ),
    _Row(
        lambda _: True,
        Verdict.SERVICE_WRONG,
        "It answers, but not as the check expects: {asked}.",
        "See whether the service or the check is at fault.",
    ),
)


def diagnose(evidence: Evidence) -> Diagnosis:
    """The first row of the table that fits."""
    row = next(row for row in _TABLE if row.fits(evidence))
    why = row.why.format(asked=_words(evidence.asked), own=_words(evidence.own) if evidence.own else "not asked")
    return Diagnosis(row.verdict, why, row.remedy)


def _words(outcome: Outcome) -> str:
    return outcome.text or outcome.reason.replace("_", " ")
