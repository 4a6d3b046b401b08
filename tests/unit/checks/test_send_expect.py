"""send-expect: as nanny did it."""

from __future__ import annotations

import asyncio

from carom.checks.send_expect import PIECES, SendExpect
from carom.outcome import Reason
from tests.unit.checks.peers import Hear, Script, outcome


def test_connecting_is_enough_where_nothing_is_expected() -> None:
    assert outcome(SendExpect(), Script()).ok


def test_it_says_what_it_is_told_and_hears_what_it_expects() -> None:
    peer = Script(Hear(b"\r\n\r\n"), b"HTTP/1.0 ", b"200 OK\r\n", then_silent=True)
    assert outcome(SendExpect(b"GET / HTTP/1.0\r\n\r\n", b"200 OK"), peer).ok
    assert peer.heard == b"GET / HTTP/1.0\r\n\r\n"


def test_it_does_not_wait_for_more_than_it_expects() -> None:
    found = outcome(SendExpect(expect=b"+OK"), Script(b"+OK ready\r\n", then_silent=True))
    assert found.ok
    assert found.seconds < 1


def test_the_answer_may_come_in_pieces() -> None:
    async def in_pieces(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in b"welcome":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.001)

    assert outcome(SendExpect(regex="^welcome$"), in_pieces).ok


def test_an_end_without_it_is_no_match() -> None:
    found = outcome(SendExpect(expect=b"200"), Script(b"HTTP/1.0 500 No\r\n"))
    assert (found.reason, found.text) == (Reason.NO_MATCH, "expected '200', got 'HTTP/1.0 500 No··' and the end")


def test_a_drip_is_not_searched_for_ever() -> None:
    async def drips(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0)

    found = outcome(SendExpect(expect=b"y"), drips)
    assert (found.reason, found.text) == (Reason.TOO_LONG, f"expected 'y', not in {PIECES} pieces of an answer")
