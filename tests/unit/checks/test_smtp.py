"""smtp, with the replies of RFC 5321's own examples (appendix D)."""

from __future__ import annotations

import pytest

from carom.checks.smtp import Smtp
from carom.outcome import Reason
from tests.unit.checks.peers import Hear, Script, outcome

GREETING = b"220 foo.com Simple Mail Transfer Service Ready\r\n"
FEATURES = b"250-foo.com greets bar.com\r\n250-8BITMIME\r\n250-SIZE\r\n250 HELP\r\n"
GOODBYE = b"221 foo.com Service closing transmission channel\r\n"


def test_a_mail_server_that_is_well() -> None:
    peer = Script(GREETING, Hear(b"\r\n"), FEATURES, Hear(b"\r\n"), GOODBYE)
    found = outcome(Smtp(helo="bar.com"), peer)
    assert (found.reason, found.text) == (Reason.OK, "220 foo.com Simple Mail Transfer Service Ready")
    assert peer.heard == b"EHLO bar.com\r\nQUIT\r\n"


def test_a_greeting_of_several_lines() -> None:
    peer = Script(b"220-one\r\n220-two\r\n220 three\r\n", Hear(b"\r\n"), FEATURES, Hear(b"\r\n"), GOODBYE)
    assert outcome(Smtp(), peer).text == "220 three"


@pytest.mark.parametrize(
    ("peer", "reason", "text"),
    [
        (Script(b"421 too busy\r\n"), Reason.WRONG_STATUS, "expected 220, got '421 too busy'"),
        (Script(b"554 No SMTP service here\r\n"), Reason.WRONG_STATUS, "expected 220, got '554 No SMTP service here'"),
        (Script(GREETING, Hear(b"\r\n"), b"502 no\r\n"), Reason.WRONG_STATUS, "expected 250, got '502 no'"),
        (Script(b"SSH-2.0-OpenSSH_9.2\r\n"), Reason.BAD_ANSWER, "not SMTP: 'SSH-2.0-OpenSSH_9.2'"),
        (Script(b"220 foo"), Reason.CLOSED, "closed after 7 bytes of an answer"),
        (Script(b"220-more\r\n" * 200_000), Reason.TOO_LONG, "a reply of more than 100 lines"),
    ],
    ids=["busy", "none", "no EHLO", "ssh", "cut off", "endless"],
)
def test_one_that_is_not(peer: Script, reason: Reason, text: str) -> None:
    found = outcome(Smtp(), peer)
    assert (found.reason, found.text) == (reason, text)
