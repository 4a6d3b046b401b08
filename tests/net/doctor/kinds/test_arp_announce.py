"""A real server that must look for a neighbour in the middle of a reply does so in its own name, or in the VIP's."""

from __future__ import annotations

import pytest

from carom.doctor.kinds import arp_announce, path
from carom.finding import Verdict
from carom.lab import wait
from carom.lab.standing import Lab
from tests.net.doctor.ward import REAL2, REALS, VIP, ask, broken, mac, of, settings, wrong
from tests.net.labs import on

KINDS = (path.findings, arp_announce.findings)


def test_all_ask_in_their_own_name(lab: Lab) -> None:
    found = ask(lab, *KINDS)
    assert wrong(found) == set()
    assert of(found, "arp-announce") == {(VIP, real): Verdict.OK for real in REALS}


@pytest.mark.parametrize(("value", "leaks"), [(0, True), (1, True), (2, False)])
def test_the_table_of_settings_as_the_director_sees_it(lab: Lab, value: int, leaks: bool) -> None:
    with settings(lab, "real2", all__arp_announce=value, eth0__arp_announce=0, all__arp_ignore=1):
        assert wrong(ask(lab, *KINDS)) == ({("arp-announce", VIP, REAL2)} if leaks else set())


def test_what_the_question_spoils_is_mended_at_once(lab: Lab) -> None:
    """The router hears the real server's question, and right after it the director's announcement."""
    on(lab, "router", "ping", "-c1", "-W1", VIP)
    with broken(lab, "real2", "no-arp-announce"):
        assert wrong(ask(lab, *KINDS)) == {("arp-announce", VIP, REAL2)}
        assert wait.until(lambda: mac("director") in on(lab, "router", "ip", "neigh", "show", VIP), 1.0)


def test_nobody_is_asked_who_would_not_mend_it(lab: Lab) -> None:
    """Gently, or as the backup: then it stays unknown, and the segment hears nothing in the VIP's name."""
    with broken(lab, "real2", "no-arp-announce"):
        found = ask(lab, *KINDS, gentle=True)
        assert wrong(found) == set()
        assert of(found, "arp-announce") == {(VIP, real): Verdict.UNKNOWN for real in REALS}
        backup = {"director": {"answering": False}, "faults": []}
        assert set(of(ask(lab, *KINDS, status=backup), "arp-announce").values()) == {Verdict.UNKNOWN}


def test_a_real_server_that_is_silent_says_nothing_of_its_name(lab: Lab) -> None:
    with broken(lab, "real2", "dropped-replies"):
        assert (VIP, REAL2) not in of(ask(lab, *KINDS), "arp-announce")
