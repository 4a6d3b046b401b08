"""What several answers mean together: the table, row by row. Real hosts say the same in `tests/net/checks`."""

from __future__ import annotations

from itertools import product

import pytest

from carom.core.diagnosis import Evidence, Presence, diagnose
from carom.outcome import Outcome, Reason, Verdict

P, R, V = Presence, Reason, Verdict


def verdict(
    asked: Reason, host: Presence, vip: Presence | None = None, own: Reason | None = None, *, frank: bool = False
) -> Verdict:
    evidence = Evidence(Outcome(asked), host, vip, Outcome(own) if own else None, frank)
    return diagnose(evidence).verdict


@pytest.mark.parametrize(
    ("asked", "host", "vip", "own", "found"),
    [
        # what the check saw,  RIP,        VIP,          the same check at the RIP
        (R.SILENT, P.ANSWERS, P.STRANGER, R.OK, V.VIP_MISSING),
        (R.SILENT, P.ANSWERS, P.STRANGER, R.REFUSED, V.VIP_MISSING),
        (R.SILENT, P.ANSWERS, P.SILENT, R.OK, V.VIP_MISSING),
        (R.FORWARDED, P.ANSWERS, P.STRANGER, R.OK, V.VIP_MISSING),
        (R.REFUSED, P.ANSWERS, P.ANSWERS, R.OK, V.VIP_UNSERVED),
        (R.REFUSED, P.ANSWERS, P.ANSWERS, R.WRONG_STATUS, V.VIP_UNSERVED),
        (R.REFUSED, P.ANSWERS, P.ANSWERS, R.REFUSED, V.SERVICE_DOWN),
        (R.REFUSED, P.FILTERED, P.FILTERED, R.SILENT, V.SERVICE_DOWN),
        (R.SILENT, P.ANSWERS, P.ANSWERS, R.OK, V.FIREWALLED),
        (R.SILENT, P.ANSWERS, P.FILTERED, R.OK, V.FIREWALLED),
        (R.SILENT, P.ANSWERS, P.ANSWERS, R.SILENT, V.FIREWALLED),
        (R.SILENT, P.FILTERED, P.FILTERED, R.SILENT, V.FIREWALLED),
        (R.SILENT, P.FILTERED, P.SILENT, R.SILENT, V.FIREWALLED),
        (R.PROHIBITED, P.ANSWERS, P.FILTERED, R.OK, V.FIREWALLED),
        (R.SILENT, P.SILENT, P.SILENT, R.SILENT, V.SERVER_DOWN),
        (R.SILENT, P.NO_WAY, P.NO_WAY, R.UNREACHABLE, V.SERVER_DOWN),
        (R.UNREACHABLE, P.NO_WAY, P.NO_WAY, R.UNREACHABLE, V.SERVER_DOWN),
        (R.SILENT, P.ANSWERS, P.UNHEARD, R.OK, V.REPLY_LOST),
        (R.SILENT, P.UNHEARD, P.UNHEARD, R.SILENT, V.REPLY_LOST),
        (R.WRONG_STATUS, P.ANSWERS, P.ANSWERS, R.OK, V.SERVICE_WRONG),
        (R.SLOW, P.ANSWERS, P.ANSWERS, R.SLOW, V.SERVICE_WRONG),
        (R.TLS_ERROR, P.FILTERED, P.FILTERED, R.TLS_ERROR, V.SERVICE_WRONG),
        (R.DOWN, P.ANSWERS, P.ANSWERS, R.DOWN, V.SERVICE_DOWN),
        (R.SCRIPT, P.ANSWERS, P.ANSWERS, R.SCRIPT, V.SERVICE_WRONG),
        (R.SCRIPT, P.SILENT, P.SILENT, R.SCRIPT, V.SERVER_DOWN),
        (R.SCRIPT, P.ANSWERS, P.STRANGER, R.SCRIPT, V.VIP_MISSING),
        (R.FAULT, P.UNKNOWN, P.UNKNOWN, R.FAULT, V.CHECK_BROKEN),
        (R.SILENT, P.UNKNOWN, P.UNKNOWN, R.SILENT, V.CHECK_BROKEN),
        (R.REFUSED, P.UNKNOWN, P.UNKNOWN, R.OK, V.VIP_UNSERVED),
    ],
)
def test_a_check_of_the_vip(asked: Reason, host: Presence, vip: Presence, own: Reason, found: Verdict) -> None:
    assert verdict(asked, host, vip, own) is found


@pytest.mark.parametrize(
    ("asked", "host", "found"),
    [
        (R.REFUSED, P.ANSWERS, V.SERVICE_DOWN),
        (R.SILENT, P.ANSWERS, V.FIREWALLED),
        (R.SILENT, P.FILTERED, V.FIREWALLED),
        (R.SILENT, P.SILENT, V.SERVER_DOWN),
        (R.UNREACHABLE, P.NO_WAY, V.SERVER_DOWN),
        (R.SILENT, P.UNHEARD, V.REPLY_LOST),
        (R.PROHIBITED, P.ANSWERS, V.FIREWALLED),
        (R.NO_MATCH, P.FILTERED, V.SERVICE_WRONG),
        (R.SCRIPT, P.SILENT, V.SERVER_DOWN),
        (R.FAULT, P.SILENT, V.CHECK_BROKEN),
    ],
)
def test_a_check_of_the_real_servers_own_address(asked: Reason, host: Presence, found: Verdict) -> None:
    assert verdict(asked, host) is found


def test_silence_of_a_host_that_would_show_a_missing_vip_is_a_loss_on_the_way() -> None:
    assert verdict(R.SILENT, P.ANSWERS, P.SILENT, R.OK, frank=False) is V.VIP_MISSING
    assert verdict(R.SILENT, P.ANSWERS, P.SILENT, R.OK, frank=True) is V.REPLY_LOST


def test_the_reason_quotes_what_was_seen() -> None:
    evidence = Evidence(Outcome(R.SILENT, "no answer in 1 s"), P.ANSWERS, P.SILENT, Outcome(R.OK))
    assert diagnose(evidence).why == (
        "It is there, but gives no sign of having the VIP: no answer in 1 s; at its own address: ok."
    )


def test_whatever_was_seen_there_is_a_diagnosis_with_a_remedy() -> None:
    for asked, host, vip, own, frank in product(R, P, (*P, None), (*R, None), (True, False)):
        if asked is R.OK:
            continue
        found = diagnose(Evidence(Outcome(asked, "{odd} %s"), host, vip, Outcome(own) if own else None, frank))
        assert found.why
        assert found.remedy


def test_a_service_that_answered_in_any_way_is_never_called_a_dead_server() -> None:
    answered = set(R) - {R.OK, R.SILENT, R.UNREACHABLE, R.SCRIPT, R.FAULT}
    for asked, host, vip, own in product(answered, P, (*P, None), (*R, None)):
        assert verdict(asked, host, vip, own) is not V.SERVER_DOWN
