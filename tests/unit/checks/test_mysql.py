"""mysql, with packets as the manual's "Connection Phase" lays them down; the greeting is MariaDB 10.11's."""

from __future__ import annotations

import pytest

from carom.checks.mysql import Mysql
from carom.outcome import Reason
from tests.unit.checks.peers import Hear, Script, outcome


def packet(sequence: int, content: bytes) -> bytes:
    return len(content).to_bytes(3, "little") + bytes([sequence]) + content


GREETING = packet(
    0,
    b"\x0a5.5.5-10.11.6-MariaDB-0+deb12u1\0\x1f\0\0\0abcdefgh\0\xfe\xf7\x2d\x02\0\xff\x81\x15\0\0\0\0\0\0\x1d\0\0\0"
    b"ijklmnopqrst\0mysql_native_password\0",
)
OK = packet(2, b"\0\0\0\2\0\0\0")
DENIED = packet(2, b"\xff\x15\x04#28000Access denied for user 'check'@'10.0.0.1' (using password: NO)")
SWITCH = packet(2, b"\xfecaching_sha2_password\0abcdefghijklmnopqrst\0")
LOGIN_ENDS = b"mysql_native_password\0"
QUIT = packet(0, b"\1")


def test_the_greeting_is_enough() -> None:
    found = outcome(Mysql(), Script(GREETING))
    assert (found.reason, found.text) == (Reason.OK, "5.5.5-10.11.6-MariaDB-0+deb12u1")


def test_a_user_completes_the_handshake_and_leaves() -> None:
    peer = Script(GREETING, Hear(LOGIN_ENDS), OK, Hear(QUIT))
    assert outcome(Mysql(user="check"), peer).ok
    assert peer.heard[4:8] == bytes([0, 0x82, 8, 0])
    assert peer.heard[36:42] == b"check\0"


def test_the_server_may_ask_for_another_proof() -> None:
    peer = Script(GREETING, Hear(LOGIN_ENDS), SWITCH, Hear(packet(3, b"")), packet(4, OK[4:]), Hear(QUIT))
    assert outcome(Mysql(user="check"), peer).ok


def test_a_user_who_is_refused_has_completed_the_handshake_too() -> None:
    assert outcome(Mysql(user="check"), Script(GREETING, Hear(LOGIN_ENDS), DENIED)).ok


@pytest.mark.parametrize(
    ("answer", "reason", "text"),
    [
        (packet(0, b"\xff\x10\x04Too many connections"), Reason.WRONG_STATUS, "error 1040: Too many connections"),
        (
            packet(0, b"\xff\x69\x04Host '10.0.0.1' is blocked because of many connection errors"),
            Reason.WRONG_STATUS,
            "error 1129: Host '10.0.0.1' is blocked because of many connection errors",
        ),
        (packet(0, b"\x09old\0"), Reason.BAD_ANSWER, "not MySQL's protocol 10: '·old·'"),
        (packet(0, b"\x0aendless"), Reason.BAD_ANSWER, "not MySQL's protocol 10: '·endless'"),
        (packet(0, b""), Reason.BAD_ANSWER, "not MySQL's protocol 10: ''"),
        (b"\xff\xff\xff\0", Reason.TOO_LONG, "it announced 16777215 bytes more than a check reads"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Reason.TOO_LONG, "it announced 4739923 bytes more than a check reads"),
        (GREETING[:20], Reason.CLOSED, "closed after 16 bytes of an answer"),
    ],
)
def test_other_greetings(answer: bytes, reason: Reason, text: str) -> None:
    found = outcome(Mysql(), Script(answer))
    assert (found.reason, found.text) == (reason, text)
