"""redis, with the answers of redis-server 7.0 (RESP2)."""

from __future__ import annotations

import pytest

from carom.checks.redis import Redis
from carom.outcome import Reason
from tests.unit.checks.peers import Hear, Script, outcome

PING = b"*1\r\n$4\r\nPING\r\n"


def test_pong() -> None:
    peer = Script(Hear(PING), b"+PONG\r\n")
    assert outcome(Redis(), peer).ok


def test_with_a_password() -> None:
    auth = b"*3\r\n$4\r\nAUTH\r\n$5\r\ncheck\r\n$7\r\ns\xc3\xa9cret\r\n"
    peer = Script(Hear(auth), b"+OK\r\n", Hear(PING), b"+PONG\r\n")
    assert outcome(Redis(password="sécret", user="check"), peer).ok
    assert peer.heard == auth + PING


@pytest.mark.parametrize(
    ("check", "answer", "reason", "text"),
    [
        (Redis(), b"-NOAUTH Authentication required.\r\n", Reason.OK, "it asks for a password"),
        (Redis(), b"-LOADING Redis is loading the dataset in memory\r\n", Reason.WRONG_STATUS, "LOADING Redis is"),
        (Redis(), b"-MASTERDOWN Link with MASTER is down\r\n", Reason.WRONG_STATUS, "MASTERDOWN Link"),
        (Redis(), b"HTTP/1.1 400 Bad Request\r\n", Reason.BAD_ANSWER, "expected +PONG, got 'HTTP/1.1 400 Bad Request'"),
        (Redis(password="x"), b"-WRONGPASS invalid\r\n", Reason.WRONG_STATUS, "WRONGPASS invalid"),
        (Redis(), b"", Reason.CLOSED, "closed after 0 bytes"),
    ],
)
def test_other_answers(check: Redis, answer: bytes, reason: Reason, text: str) -> None:
    found = outcome(check, Script(Hear(b"\r\n"), answer))
    assert found.reason is reason
    assert found.text.startswith(text)
