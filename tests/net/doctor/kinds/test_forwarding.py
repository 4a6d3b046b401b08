"""The director's host forwards nothing."""

from __future__ import annotations

from carom.doctor.kinds import forwarding
from carom.finding import Verdict
from carom.lab.standing import Lab
from tests.net.doctor.ward import ask, broken, of, wrong
from tests.net.labs import on


def test_it_does_not(lab: Lab) -> None:
    found = ask(lab, forwarding.findings)
    assert of(found, "forwarding") == {("eth0 ipv4", ""): Verdict.OK, ("eth0 ipv6", ""): Verdict.OK}


def test_it_does(lab: Lab) -> None:
    with broken(lab, "director", "forwarding"):
        found = ask(lab, forwarding.findings)
    assert wrong(found) == {("forwarding", "eth0 ipv4", "")}
    [finding] = [each for each in found if each.verdict is Verdict.WARNING]
    assert finding.remedy == "sysctl -w net.ipv4.conf.eth0.forwarding=0"


def test_what_it_says_to_do_is_right(lab: Lab) -> None:
    with broken(lab, "director", "forwarding"):
        [finding] = [each for each in ask(lab, forwarding.findings) if each.verdict is Verdict.WARNING]
        on(lab, "director", *finding.remedy.split())
        assert wrong(ask(lab, forwarding.findings)) == set()
