"""postgres: the server takes a start-up packet, as pg_isready asks. PostgreSQL manual, "Frontend/Backend Protocol" 3.0.

Whatever it answers shows that it takes connections, a refused user included, but for two: that it is starting,
stopping or recovering, and that it has no connection left.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from carom.checks.checker import OK, Target, Unmet, printable
from carom.checks.stream import conversation
from carom.outcome import Outcome, Reason

_PROTOCOL_3_0 = 196608
_TERMINATE = b"X\0\0\0\4"
_REFUSES = {"57P03": "cannot_connect_now", "53300": "too_many_connections"}
"""SQLSTATEs (manual, appendix A) of a server to which no client should be sent."""


@dataclass(frozen=True, slots=True)
class Postgres:
    """Who asks; neither the user nor the database need exist."""

    user: str = "carom"
    database: str = ""
    """Empty: named as the user."""

    async def check(self, target: Target) -> Outcome:
        async with conversation(target) as talk:
            await talk.say(self._startup())
            kind, length = struct.unpack("!cI", await talk.exactly(5))
            if kind not in (b"R", b"E") or length < 4:
                raise Unmet(Reason.BAD_ANSWER, f"not PostgreSQL: a message {printable(kind)!r}")
            content = await talk.exactly(length - 4)
            if kind == b"E":
                return _judge(content)
            await talk.leave(_TERMINATE)  # it asks who we are, in whichever way
        return OK

    def _startup(self) -> bytes:
        named = {"user": self.user, "database": self.database or self.user, "application_name": "carom-check"}
        body = b"".join(f"{name}\0{value}\0".encode() for name, value in named.items()) + b"\0"
        return struct.pack("!II", len(body) + 8, _PROTOCOL_3_0) + body


def _judge(error: bytes) -> Outcome:
    """An ErrorResponse: fields of one letter and a text each."""
    fields = {field[:1]: field[1:].decode("utf-8", "replace") for field in error.split(b"\0") if field}
    code, message = fields.get(b"C", ""), fields.get(b"M", "")
    if code in _REFUSES:
        raise Unmet(Reason.WRONG_STATUS, f"{message} ({_REFUSES[code]})")
    return Outcome(Reason.OK, printable(message))
