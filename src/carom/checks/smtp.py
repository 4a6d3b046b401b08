"""smtp: a mail server greets, and answers EHLO. RFC 5321 sections 3.1 and 4.1.1.1."""

from __future__ import annotations

from dataclasses import dataclass

from carom.checks.checker import Target, Unmet, printable
from carom.checks.stream import Conversation, conversation
from carom.outcome import Outcome, Reason

LINES = 100
"""Lines of a reply at most."""


@dataclass(frozen=True, slots=True)
class Smtp:
    """Greeting 220, EHLO 250, and a QUIT, so that no mail log complains of a lost connection."""

    helo: str = "carom.invalid"
    """The name that we give (RFC 2606's `.invalid` unless you have a better one)."""

    async def check(self, target: Target) -> Outcome:
        async with conversation(target) as talk:
            greeting = await _reply(talk, b"220")
            await talk.say(f"EHLO {self.helo}\r\n".encode())
            await _reply(talk, b"250")
            await talk.leave(b"QUIT\r\n")
        return Outcome(Reason.OK, printable(greeting))


async def _reply(talk: Conversation, code: bytes) -> bytes:
    """The last line of a reply (section 4.2.1: `250-` goes on, `250 ` ends). Raises Unmet unless it has this code."""
    for _ in range(LINES):
        line = await talk.line()
        if not line[:3].isdigit():
            raise Unmet(Reason.BAD_ANSWER, f"not SMTP: {printable(line)!r}")
        if line[3:4] == b"-":
            continue
        if line[:3] != code:
            raise Unmet(Reason.WRONG_STATUS, f"expected {code.decode()}, got {printable(line)!r}")
        return line
    raise Unmet(Reason.TOO_LONG, f"a reply of more than {LINES} lines")
