"""udp: answered, silent, or refused."""

from __future__ import annotations

import asyncio

import pytest

from carom.checks.checker import examine
from carom.checks.udp import Udp
from carom.outcome import Outcome, Reason
from tests.unit.checks.peers import at
from tests.unit.checks.test_datagram import answering


def check(udp: Udp, port: int, timeout: float = 5.0) -> Outcome:
    return asyncio.run(examine(udp, at(port, timeout)))


@pytest.mark.parametrize(
    ("udp", "reason"),
    [
        (Udp(b"ping"), Reason.OK),
        (Udp(b"ping", b"ping!"), Reason.OK),
        (Udp(b"ping", b"*"), Reason.OK),
        (Udp(b"ping", regex="^p.ng!$"), Reason.OK),
        (Udp(b"ping", b"pong"), Reason.NO_MATCH),
    ],
)
def test_an_answer_is_compared_where_one_is_expected(udp: Udp, reason: Reason) -> None:
    with answering(lambda question: [question + b"!"]) as port:
        assert check(udp, port).reason is reason


def test_silence_is_well_where_nothing_is_expected() -> None:
    with answering(lambda _: []) as port:
        found = check(Udp(b"log line"), port, 0.1)
    assert (found.reason, found.text) == (Reason.OK, "no answer, and none was asked for")


def test_silence_fails_where_something_is() -> None:
    with answering(lambda _: []) as port:
        assert check(Udp(b"ping", b"*"), port, 0.1).reason is Reason.SILENT


def test_a_closed_port_fails_in_any_case() -> None:
    with answering(lambda _: []) as port:
        check(Udp(), port, 0.1)
    assert check(Udp(), port).reason is Reason.REFUSED
