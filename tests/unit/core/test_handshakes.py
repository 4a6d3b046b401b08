"""When handshakes tell that replies do not get home, and whose."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from carom.core.handshakes import Handshakes, findings
from carom.finding import Verdict

ONE, TWO, THREE = (ip_address(f"192.168.76.3{number}") for number in (1, 2, 3))
WELL = Handshakes(begun=1000, repeated=3, lost=1)
DEAD = Handshakes(begun=10, repeated=25, lost=0)


@pytest.mark.parametrize(
    ("shaken", "unanswered"),
    [
        (Handshakes(0, 0, 0), False),
        (WELL, False),
        (Handshakes(4, 4, 0), False),
        (Handshakes(4, 5, 0), True),
        (Handshakes(10, 5, 0), False),
        (Handshakes(10, 3, 3), True),
        (Handshakes(0, 0, 5), True),
    ],
)
def test_most_of_them_and_more_than_a_few(shaken: Handshakes, unanswered: bool) -> None:
    assert shaken.are_unanswered is unanswered


@pytest.mark.parametrize("reals", [{}, {ONE: WELL}, {ONE: WELL, TWO: Handshakes(0, 0, 0), THREE: WELL}])
def test_where_they_come_about_there_is_nothing_to_find(reals: dict[object, Handshakes]) -> None:
    assert list(findings("web", reals, 30)) == []  # type: ignore[arg-type]


def test_one_of_several_is_named_with_what_was_counted() -> None:
    [found] = findings("web", {ONE: WELL, TWO: DEAD, THREE: WELL}, 30.2)
    assert (found.name, found.subject, found.verdict, found.server) == (
        *("return-path", f"web: {TWO}", Verdict.WARNING, str(TWO)),
    )
    assert found.evidence == (
        "of 10 connections begun in 30 s, 0 were given up, and clients asked again 25 times: its replies do not get "
        "home; those of the others do"
    )
    assert f"default route of {TWO}" in found.remedy


def test_the_only_one_that_clients_are_sent_to_is_named_too() -> None:
    [found] = findings("web", {ONE: Handshakes(0, 0, 0), TWO: DEAD}, 30)
    assert found.server == str(TWO)
    assert "others" not in found.evidence


def test_if_it_is_all_of_them_it_may_be_the_clients() -> None:
    [found] = findings("web", {ONE: DEAD, TWO: DEAD, THREE: Handshakes(0, 0, 0)}, 30)
    assert (found.subject, found.server) == ("web", "")
    assert found.evidence == (
        "of 20 connections begun in 30 s, 0 were given up, and clients asked again 50 times, on every real server"
    )
    assert "flood of SYNs" in found.remedy
