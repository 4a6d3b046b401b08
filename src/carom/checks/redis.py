"""redis: the server answers PING. Redis serialization protocol (RESP), version 2.

A server that asks for a password before it answers is there; one that is loading its data, or is a replica that lost
its master and may not answer, is not.
"""

from __future__ import annotations

from dataclasses import dataclass

from carom.checks.checker import OK, Target, Unmet, printable
from carom.checks.stream import Conversation, conversation
from carom.outcome import Outcome, Reason


@dataclass(frozen=True, slots=True)
class Redis:
    """AUTH, if there is a password, then PING."""

    password: str = ""
    user: str = ""
    """For a server with access lists; empty: `default`."""

    async def check(self, target: Target) -> Outcome:
        async with conversation(target) as talk:
            if self.password:
                _require(await _ask(talk, "AUTH", *([self.user] if self.user else []), self.password), b"+OK")
            answer = await _ask(talk, "PING")
        if answer.startswith(b"-NOAUTH") and not self.password:
            return Outcome(Reason.OK, "it asks for a password")
        _require(answer, b"+PONG")
        return OK


async def _ask(talk: Conversation, *words: str) -> bytes:
    """Send one command; the line that answers it."""
    parts = [f"*{len(words)}\r\n".encode()]
    parts += [b"$%d\r\n%s\r\n" % (len(word.encode()), word.encode()) for word in words]
    await talk.say(b"".join(parts))
    return await talk.line()


def _require(answer: bytes, wanted: bytes) -> None:
    if answer == wanted:
        return
    if answer.startswith(b"-"):
        raise Unmet(Reason.WRONG_STATUS, printable(answer[1:]))
    raise Unmet(Reason.BAD_ANSWER, f"expected {wanted.decode()}, got {printable(answer)!r}")
