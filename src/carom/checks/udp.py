"""udp: a datagram is answered, or at least not refused."""

from __future__ import annotations

from dataclasses import dataclass

from carom.checks.checker import OK, Target, Unmet
from carom.checks.datagram import answer, exchange
from carom.checks.expect import require
from carom.outcome import Outcome, Reason


@dataclass(frozen=True, slots=True)
class Udp:
    """Send `send`. Where something is expected, silence fails; else only an ICMP error does, and silence is well.

    Without an answer to wait for, a host that is dead is told from a service that is silent only by what follows from
    it: no answer to ARP. `icmp`, or an answer, is the better check.
    """

    send: bytes = b""
    expect: bytes = b""
    """Anywhere in the answer; `*`: any answer."""
    regex: str = ""
    """Regular expression (RE2's syntax) to be found in the answer."""

    async def check(self, target: Target) -> Outcome:
        try:
            async with exchange(target) as sock:
                said = await answer(sock, self.send)
        except Unmet as unmet:
            if unmet.reason is Reason.SILENT and not (self.expect or self.regex):
                return Outcome(Reason.OK, "no answer, and none was asked for")
            raise
        require(self.expect, self.regex, said)
        return OK
