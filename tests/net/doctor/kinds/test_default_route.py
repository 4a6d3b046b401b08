"""Replies to clients come to the director, or they do not."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface

import pytest

from carom.doctor.case import Case
from carom.doctor.kinds import default_route, path
from carom.finding import Verdict
from carom.lab.standing import Lab
from tests.net.doctor.ward import PAIRS, REAL2, REAL2_6, VIP, VIP6, ask, broken, mac, of, wrong

KINDS = (path.findings, default_route.findings)


def test_none_come(lab: Lab) -> None:
    found = ask(lab, *KINDS)
    assert wrong(found) == set()
    assert of(found, "default-route") == dict.fromkeys(PAIRS, Verdict.OK)


def test_one_that_sends_them_here_is_named_with_its_mac(lab: Lab) -> None:
    with broken(lab, "real2", "wrong-gateway"):
        found = ask(lab, *KINDS)
    assert wrong(found) == {("default-route", VIP, REAL2), ("default-route", VIP6, REAL2_6)}
    evidence = {finding.evidence for finding in found if finding.verdict is Verdict.FAULT}
    assert f"{REAL2} ({mac('real2')}) sends its replies from {VIP} to the director, as to its gateway" in evidence


def test_no_client_is_taken_from_a_network_of_the_directors() -> None:
    class Near(Case):
        def __init__(self, *own: str) -> None:
            self.addresses = tuple(map(ip_interface, own))

    assert default_route.client(4, Near("192.168.76.10/22")) in default_route.NOWHERE[0]
    assert default_route.client(4, Near("192.0.2.1/24", "198.51.0.0/16")) in default_route.NOWHERE[2]
    assert default_route.client(6, Near("fd00::1/64")) in default_route.NOWHERE[3]
    assert default_route.client(6, Near("2001:db8:1::1/64")) in default_route.NOWHERE[4]


@pytest.mark.parametrize("version", [4, 6])
def test_the_client_is_nobodys(version: int) -> None:
    assert not any(ip_address(vip) in network for vip in (VIP, VIP6) for network in default_route.NOWHERE)
