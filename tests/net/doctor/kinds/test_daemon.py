"""caromd answers, and has nothing to complain of."""

from __future__ import annotations

from typing import Any

import pytest

from carom.doctor.kinds import daemon
from carom.finding import Verdict
from carom.lab.standing import Lab
from tests.net.doctor.ward import ask, of, told, wrong

HERE = {("caromd", ""): Verdict.OK}


def test_it_runs(lab: Lab) -> None:
    found = ask(lab, daemon.findings)
    assert of(found, "daemon") == HERE


def test_it_does_not_answer(lab: Lab) -> None:
    found = ask(lab, daemon.findings, status=None, silence="no director answers on /run/x")
    assert wrong(found) == {("daemon", "caromd", "")}
    assert "no director answers on /run/x; packets go on by the last plan" in found[0].evidence


def test_what_it_complains_of_is_passed_on(lab: Lab) -> None:
    found = ask(lab, daemon.findings, status=complaining(lab, "the last apply failed: no room"))
    assert wrong(found) == {("daemon", "caromd", "")}
    assert found[0].evidence == "the last apply failed: no room"


@pytest.mark.parametrize(
    "fault",
    [
        "web: 192.168.76.32 gets no connections: no answer to ARP on eth0",
        "192.168.76.24: 02:00:00:00:76:03, no real server of Carom's, answers who has 192.168.76.24",
    ],
)
def test_what_it_says_of_real_servers_and_vips_the_doctor_sees_for_itself(lab: Lab, fault: str) -> None:
    status = complaining(lab, fault)
    assert of(ask(lab, daemon.findings, status=status), "daemon") == HERE


def complaining(lab: Lab, fault: str) -> dict[str, Any]:
    status = told(lab).status
    assert status is not None
    return {**status, "faults": [fault]}
