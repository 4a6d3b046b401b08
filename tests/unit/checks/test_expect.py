"""What a check expects in an answer."""

from __future__ import annotations

import re

import pytest

from carom.checks.checker import Unmet
from carom.checks.expect import ANYTHING, matches, require
from carom.outcome import Reason


@pytest.mark.parametrize(
    ("expect", "regex", "answer", "met"),
    [
        (b"", "", b"", True),
        (b"PONG", "", b"+PONG\r\n", True),
        (b"PONG", "", b"+PING\r\n", False),
        (ANYTHING, "", b"x", True),
        (ANYTHING, "", b"", False),
        (b"", "^HTTP/1\\.[01] 200", b"HTTP/1.1 200 OK", True),
        (b"", "^HTTP/1\\.[01] 200", b"HTTP/1.1 500 No", False),
        (b"OK", "[0-9]+", b"OK 12", True),
        (b"OK", "[0-9]+", b"OK twelve", False),
        (b"", "\\xff", b"\xff", True),
    ],
)
def test_an_answer_meets_what_is_expected(expect: bytes, regex: str, answer: bytes, met: bool) -> None:
    assert matches(expect, regex, answer) is met


def test_what_is_not_met_names_both_sides() -> None:
    with pytest.raises(Unmet, match=re.escape("expected '+PONG' and /x+/, got '-ERR no·'")) as raised:
        require(b"+PONG", "x+", b"-ERR no\n")
    assert raised.value.reason is Reason.NO_MATCH
