"""No bytes that a checked server sends are a fault of ours, whatever the kind of check."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carom.checks.checker import Checker, examine
from carom.checks.dns import Dns
from carom.checks.http import Http, Https
from carom.checks.mysql import Mysql
from carom.checks.postgres import Postgres
from carom.checks.redis import Redis
from carom.checks.send_expect import SendExpect
from carom.checks.smtp import Smtp
from carom.checks.tls import Tls
from carom.outcome import Outcome, Reason
from tests.unit.checks.peers import Script, at, outcome, serving

SPEAKERS: list[Checker] = [
    Http(body="x", weight_header="X-Weight"),
    Https(),
    Tls(),
    Dns(transport="tcp"),
    SendExpect(b"x", b"*", "."),
    Smtp(),
    Mysql(user="carom"),
    Postgres(),
    Redis(password="x"),
]
OPENINGS = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Weight: ",
    b"220-",
    b"R\0\0\0",
    b"E\0\0\0\x10",
    b"\x05\0\0\0\x0a5\0",
    b"\x16\x03\x03\0\x10",
    b"+OK\r\n",
    b"\0\x0c",
)
noise = st.builds(lambda begin, rest: begin + rest, st.sampled_from((b"", *OPENINGS)), st.binary(max_size=300))


@pytest.mark.parametrize("checker", SPEAKERS, ids=lambda checker: type(checker).__name__.lower())
@given(answer=noise)
@settings(max_examples=60)
def test_noise(checker: Checker, answer: bytes) -> None:
    found = outcome(checker, Script(answer))
    assert found.reason is not Reason.FAULT
    assert found.text.isprintable()


@pytest.mark.parametrize("checker", SPEAKERS, ids=lambda checker: type(checker).__name__.lower())
def test_a_flood_ends_by_its_length_or_its_time(checker: Checker) -> None:
    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for opening in OPENINGS:
            writer.write(opening)
        while True:
            writer.write(b"220-flood\r\n" * 5000)
            await writer.drain()

    async def conversation() -> Outcome:
        async with serving(flood) as port:
            return await examine(checker, at(port, 1.0))

    found = asyncio.run(conversation())
    assert found.reason is not Reason.FAULT
    assert found.seconds < 3
