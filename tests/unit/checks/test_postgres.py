"""postgres, with messages as the manual's "Message Formats" lays them down."""

from __future__ import annotations

import struct

import pytest

from carom.checks.postgres import Postgres
from carom.outcome import Reason
from tests.unit.checks.peers import Hear, Script, outcome

STARTUP_ENDS = b"carom-check\0\0"
SCRAM = struct.pack("!cII", b"R", 23, 10) + b"SCRAM-SHA-256\0\0"


def error(code: str, message: str) -> bytes:
    body = b"".join(field.encode() + b"\0" for field in ("SFATAL", "VFATAL", f"C{code}", f"M{message}")) + b"\0"
    return struct.pack("!cI", b"E", len(body) + 4) + body


def test_it_asks_who_we_are() -> None:
    peer = Script(Hear(STARTUP_ENDS), SCRAM, Hear(b"X\0\0\0\4"))
    assert outcome(Postgres(user="check", database="app"), peer).ok
    startup = b"user\0check\0database\0app\0application_name\0carom-check\0\0"
    assert peer.heard == struct.pack("!II", 8 + len(startup), 196608) + startup + b"X\0\0\0\4"


@pytest.mark.parametrize(
    ("answer", "reason", "text"),
    [
        (error("28000", 'role "carom" does not exist'), Reason.OK, 'role "carom" does not exist'),
        (error("3D000", 'database "carom" does not exist'), Reason.OK, 'database "carom" does not exist'),
        (
            error("57P03", "the database system is starting up"),
            Reason.WRONG_STATUS,
            "the database system is starting up (cannot_connect_now)",
        ),
        (
            error("53300", "sorry, too many clients already"),
            Reason.WRONG_STATUS,
            "sorry, too many clients already (too_many_connections)",
        ),
        (b"HTTP/1.1 400", Reason.BAD_ANSWER, "not PostgreSQL: a message 'H'"),
        (b"E\0\0\0\1", Reason.BAD_ANSWER, "not PostgreSQL: a message 'E'"),
        (b"E\xff\xff\xff\xff", Reason.TOO_LONG, "it announced 4294967291 bytes more than a check reads"),
        (b"E\0\0\0\x20short", Reason.CLOSED, "closed after 5 bytes of an answer"),
        (b"", Reason.CLOSED, "closed after 0 bytes of an answer"),
    ],
)
def test_other_answers(answer: bytes, reason: Reason, text: str) -> None:
    found = outcome(Postgres(), Script(Hear(STARTUP_ENDS), answer))
    assert (found.reason, found.text) == (reason, text)
