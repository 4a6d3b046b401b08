"""What handshakes tell of the way home, which a director by direct routing never sees.

A client that gets no answer to its SYN sends it again, after one second, three, seven; a flow that ends without its
client's first ACK came to nothing. A real server of which that is so for most, and not of its neighbours, has lost the
way home: its gateway is gone, or something there drops what comes from the VIP. Its health checks may be all right,
for their answers go to the director on the segment. If it is so for all of them, clients themselves may be the reason:
in a flood of SYNs nobody means to answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from carom.finding import Finding, Verdict
from carom.model import Address

NAME = "return-path"
LEAST = 5
"""Handshakes gone wrong that may be chance: a client that was switched off, a packet that the Internet lost."""


@dataclass(frozen=True, slots=True)
class Handshakes:
    """Those of one real server of one service, over some time."""

    begun: int
    repeated: int
    """SYNs that clients sent again."""
    lost: int
    """Flows that ended before their client's first ACK."""

    @property
    def are_unanswered(self) -> bool:
        """Whether most come to nothing."""
        wrong = self.repeated + self.lost
        return wrong >= LEAST and 2 * wrong > self.begun


def findings(service: str, reals: Mapping[Address, Handshakes], seconds: float) -> Iterator[Finding]:
    """What is wrong with a service's handshakes of the last seconds; nothing if they come about."""
    busy = {address: shaken for address, shaken in reals.items() if shaken != Handshakes(0, 0, 0)}
    wrong = {address: shaken for address, shaken in busy.items() if shaken.are_unanswered}
    if len(wrong) > 1 and wrong.keys() == busy.keys():
        evidence = f"{_words(wrong.values(), seconds)}, on every real server"
        remedy = "if clients can connect, this is a flood of SYNs; if not, see what all the real servers' replies pass"
        yield Finding(NAME, service, Verdict.WARNING, evidence, remedy)
        return
    for address, shaken in wrong.items():
        evidence = f"{_words([shaken], seconds)}: its replies do not get home" + (
            "" if len(busy) == 1 else "; those of the others do"
        )
        remedy = f"see the default route of {address}, that its gateway forwards, and what drops replies from the VIP"
        yield Finding(NAME, f"{service}: {address}", Verdict.WARNING, evidence, remedy, str(address))


def _words(shaken: Iterable[Handshakes], seconds: float) -> str:
    shaken = tuple(shaken)
    begun, repeated, lost = (sum(getattr(one, name) for one in shaken) for name in ("begun", "repeated", "lost"))
    return (
        f"of {begun:,} connections begun in {seconds:.0f} s, {lost:,} were given up, and clients asked again "
        f"{repeated:,} times"
    )
