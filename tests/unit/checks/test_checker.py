"""The border: whatever happens in a check becomes an Outcome."""

from __future__ import annotations

import asyncio
import errno
import os
import ssl
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carom.checks.checker import OK, TEXT_LIMIT, Target, Unmet, examine, printable
from carom.outcome import Outcome, Reason
from tests.unit.checks.peers import at


@dataclass(frozen=True)
class Raises:
    """A check that ends in this way."""

    error: BaseException

    async def check(self, target: Target) -> Outcome:
        raise self.error


def found(error: BaseException) -> Outcome:
    return asyncio.run(examine(Raises(error), at(1)))


def os_error(code: int) -> OSError:
    return OSError(code, os.strerror(code))


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Unmet(Reason.NO_MATCH, "no"), Reason.NO_MATCH),
        (TimeoutError(), Reason.SLOW),
        (os_error(errno.ECONNREFUSED), Reason.REFUSED),
        (os_error(errno.EHOSTUNREACH), Reason.UNREACHABLE),
        (os_error(errno.ENETUNREACH), Reason.UNREACHABLE),
        (os_error(errno.EACCES), Reason.PROHIBITED),
        (os_error(errno.ECONNRESET), Reason.CLOSED),
        (os_error(errno.EPIPE), Reason.CLOSED),
        (ConnectionResetError(), Reason.CLOSED),
        (os_error(errno.EPROTO), Reason.CLOSED),
        (os_error(errno.EMFILE), Reason.FAULT),
        (os_error(errno.EPERM), Reason.FAULT),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), Reason.TLS_ERROR),
    ],
    ids=lambda value: repr(value) if isinstance(value, BaseException) else str(value),
)
def test_every_way_to_end_has_its_reason(error: BaseException, reason: Reason) -> None:
    assert found(error).reason is reason


def test_a_fault_of_ours_is_a_fault_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    outcome = found(ZeroDivisionError())
    assert (outcome.reason, outcome.text) == (Reason.FAULT, "the check itself broke: ZeroDivisionError")
    assert "ZeroDivisionError" in caplog.text


def test_being_stopped_is_no_outcome() -> None:
    with pytest.raises(asyncio.CancelledError):
        found(asyncio.CancelledError())


def test_the_time_it_took_is_told() -> None:
    @dataclass(frozen=True)
    class Waits:
        async def check(self, target: Target) -> Outcome:
            await asyncio.sleep(0.01)
            return OK

    assert 0.01 <= asyncio.run(examine(Waits(), at(1))).seconds < 1


@given(st.one_of(st.text(), st.binary()))
def test_nothing_that_is_printed_can_hurt_a_terminal_or_fill_a_log(text: str | bytes) -> None:
    shown = printable(text)
    assert len(shown) <= TEXT_LIMIT + 1
    assert shown.isprintable()


def test_what_is_cut_says_so() -> None:
    assert printable("x" * 300) == "x" * 200 + "…"
    assert printable(b"one\r\ntwo\x1b[2J") == "one··two·[2J"
