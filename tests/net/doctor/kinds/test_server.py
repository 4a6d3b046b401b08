"""Every real server is on the segment, once."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from carom.doctor.kinds import server
from carom.finding import Verdict
from carom.lab.standing import Lab
from carom.model import Config, Director, Ports, Protocol, Real, Service
from tests.net.doctor.ward import REAL2, REAL2_6, REALS, REALS6, VIP, ask, broken, mac, of, told, wrong
from tests.net.labs import on


def test_all_are_there(lab: Lab) -> None:
    found = ask(lab, server.findings)
    assert of(found, "server") == {(real, real): Verdict.OK for real in (*REALS, *REALS6)}
    assert wrong(found) == set()


def test_one_that_does_not_answer_is_named(lab: Lab) -> None:
    with broken(lab, "real2", "dead-server"):
        assert wrong(ask(lab, server.findings)) == {("server", REAL2, REAL2), ("server", REAL2_6, REAL2_6)}


def test_one_that_is_there_twice_is_named_with_both_macs(lab: Lab) -> None:
    on(lab, "gateway1", "ip", "address", "add", f"{REAL2}/32", "dev", "segment")
    try:
        found = ask(lab, server.findings)
    finally:
        on(lab, "gateway1", "ip", "address", "del", f"{REAL2}/32", "dev", "segment")
    assert wrong(found) == {("server", REAL2, REAL2)}
    [finding] = [each for each in found if each.verdict is Verdict.FAULT]
    assert f"{mac('gateway1')} and {mac('real2')} both say" in finding.evidence


def test_one_on_another_network_is_told_from_one_that_is_silent(lab: Lab) -> None:
    far = ip_address("10.1.2.3")
    service = Service("web", ip_address(VIP), (Ports(Protocol.TCP, 80, 80),), (Real(far),))
    config = replace(told(lab).config, services=(service,))
    [finding] = [each for each in ask(lab, server.findings, config=config) if each.name == "server"]
    assert finding.verdict is Verdict.FAULT
    assert "it is in none of eth0's networks (192.168.76.0/22)" in finding.evidence


def test_the_director_itself_is_no_real_server_to_look_for(lab: Lab) -> None:
    service = Service("web", ip_address(VIP), (Ports(Protocol.TCP, 80, 80),), (Real(ip_address("192.168.76.10")),))
    found = ask(lab, server.findings, config=Config(Director("eth0"), (service,)))
    assert of(found, "server") == {}
