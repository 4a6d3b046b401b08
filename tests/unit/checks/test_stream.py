"""Conversations are bounded in bytes and in time, whatever the peer does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from carom.checks.checker import OK, Target
from carom.checks.send_expect import SendExpect
from carom.checks.stream import LIMIT, LINE, Conversation, conversation
from carom.outcome import Outcome, Reason
from tests.unit.checks.peers import Handler, Script, outcome


@dataclass(frozen=True)
class Talks:
    """A check that does this in its conversation."""

    talk: Callable[[Conversation], Awaitable[object]]

    async def check(self, target: Target) -> Outcome:
        async with conversation(target) as talk:
            await self.talk(talk)
        return OK


async def everything(talk: Conversation) -> None:
    while await talk.some():
        pass


async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("talk", "peer", "reason", "text"),
    [
        (lambda talk: talk.line(), Script(b"hello\r\n"), Reason.OK, ""),
        (lambda talk: talk.line(), Script(b"hel"), Reason.CLOSED, "closed after 3 bytes of an answer"),
        (lambda talk: talk.line(), flood, Reason.TOO_LONG, f"a line of more than {LINE} bytes"),
        (lambda talk: talk.exactly(5), Script(b"hello"), Reason.OK, ""),
        (lambda talk: talk.exactly(6), Script(b"hello"), Reason.CLOSED, "closed after 5 bytes of an answer"),
        (lambda talk: talk.exactly(LIMIT + 1), flood, Reason.TOO_LONG, "it announced 1048577 bytes"),
        (everything, flood, Reason.TOO_LONG, f"more than {LIMIT} bytes"),
        (everything, Script(b"hello"), Reason.OK, ""),
    ],
    ids=["line", "cut line", "endless line", "exact", "cut", "too many announced", "endless", "end"],
)
def test_how_reading_ends(
    talk: Callable[[Conversation], Awaitable[object]], peer: Handler, reason: Reason, text: str
) -> None:
    found = outcome(Talks(talk), peer)
    assert found.reason is reason
    assert found.text.startswith(text)


def test_a_slow_drip_is_slow_and_ends_in_time() -> None:
    found = outcome(SendExpect(expect=b"y"), drip, timeout=0.2)
    assert (found.reason, found.text) == (Reason.SLOW, "it answered, but had not finished after 0.2 s")
    assert 0.2 <= found.seconds < 1


def test_silence_after_the_handshake_is_slow() -> None:
    assert outcome(SendExpect(expect=b"y"), Script(then_silent=True), timeout=0.1).reason is Reason.SLOW


def test_no_file_stays_open_however_conversations_end() -> None:
    open_files = len(list(Path("/proc/self/fd").iterdir()))
    for peer in (flood, drip, Script(b"x"), Script(then_silent=True)):
        outcome(SendExpect(expect=b"y"), peer, timeout=0.05)
    assert len(list(Path("/proc/self/fd").iterdir())) == open_files
