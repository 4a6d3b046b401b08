"""send-expect: say something, wait for something. nanny's check, and the one for protocols without a kind."""

from __future__ import annotations

from dataclasses import dataclass

from carom.checks.checker import OK, Target, Unmet, printable
from carom.checks.expect import matches, wanted
from carom.checks.stream import Conversation, conversation
from carom.outcome import Outcome, Reason

PIECES = 256
"""Reads in which an answer must have come; each searches the whole answer, so a drip must not go on for ever."""


@dataclass(frozen=True, slots=True)
class SendExpect:
    """Send `send` (or nothing), then read until what is expected is found; with nothing expected, connecting is all."""

    send: bytes = b""
    expect: bytes = b""
    """Anywhere in the answer; `*`: any answer."""
    regex: str = ""
    """Regular expression (RE2's syntax) to be found in the answer."""

    async def check(self, target: Target) -> Outcome:
        async with conversation(target) as talk:
            if self.send:
                await talk.say(self.send)
            if self.expect or self.regex:
                await self._await_answer(talk)
        return OK

    async def _await_answer(self, talk: Conversation) -> None:
        answer = b""
        for _ in range(PIECES):
            if not (data := await talk.some()):
                raise Unmet(Reason.NO_MATCH, f"{self._lacking}, got {printable(answer)!r} and the end")
            answer += data
            if matches(self.expect, self.regex, answer):
                return
        raise Unmet(Reason.TOO_LONG, f"{self._lacking}, not in {PIECES} pieces of an answer")

    @property
    def _lacking(self) -> str:
        return f"expected {wanted(self.expect, self.regex)}"
