"""Every service at the VIP on every real server; and why not."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from carom.doctor.kinds import path
from carom.finding import Verdict
from carom.lab.standing import Lab
from carom.model import Check, Config, Director, Ports, Protocol, Real, Service, Via
from carom.outcome import Verdict as Diagnosed
from tests.net.doctor.ward import PAIRS, REAL2, REAL2_6, VIP, VIP6, ask, broken, of, told, wrong


def test_all_answer(lab: Lab) -> None:
    found = ask(lab, path.findings)
    assert wrong(found) == set()
    assert of(found, "service") == {(f"{vip} tcp/80", real): Verdict.OK for vip, real in PAIRS}


def test_why_one_does_not_is_told_by_the_name_that_verify_has_for_it(lab: Lab) -> None:
    """Once here; every fault of the lab is in `tests/net/doctor/test_examination.py`."""
    with broken(lab, "real2", "rip-only"):
        found = ask(lab, path.findings)
    assert wrong(found) == {("listener", f"{VIP} tcp/80", REAL2), ("listener", f"{VIP6} tcp/80", REAL2_6)}
    assert all(finding.remedy for finding in found if finding.verdict is Verdict.FAULT)


def test_every_diagnosis_has_a_name() -> None:
    assert path.NAMES.keys() == set(Diagnosed)


def test_one_that_is_not_there_is_left_to_those_who_look_for_it(lab: Lab) -> None:
    with broken(lab, "real2", "dead-server"):
        found = ask(lab, path.findings)
    assert not any(finding.server in (REAL2, REAL2_6) for finding in found)


def test_where_the_vip_is_the_directors_own_nothing_can_be_said(lab: Lab) -> None:
    with broken(lab, "director", "local-vip"):
        found = ask(lab, path.findings)
    assert of(found, "service") == dict.fromkeys(PAIRS, Verdict.UNKNOWN)


def test_each_tcp_port_of_a_service_is_asked_for(lab: Lab) -> None:
    ports = tuple(Ports(Protocol.TCP, port, port) for port in (80, 443))
    found = ask(lab, path.findings, config=web(ports=ports))
    assert wrong(found) == {("listener", f"{VIP} tcp/443", REAL2)}
    assert of(found, "service") == {(f"{VIP} tcp/80", REAL2): Verdict.OK}


def test_the_services_own_check_is_made(lab: Lab) -> None:
    found = ask(lab, path.findings, config=web(check=Check("http", options={"path": "/nothing"})))
    assert wrong(found) == {("service", f"{VIP} tcp/80", REAL2)}
    [finding] = [each for each in found if each.name == "service"]
    assert "404" in finding.evidence


@pytest.mark.parametrize("check", [None, Check("http", via=Via.REAL, port=8080), Check("script")])
def test_a_check_that_does_not_go_to_the_vip_is_not(lab: Lab, check: Check | None) -> None:
    """It would fail here; what clients need is a handshake on port 80."""
    found = ask(lab, path.findings, config=web(check=check))
    assert of(found, "service") == {(f"{VIP} tcp/80", REAL2): Verdict.OK}


def test_a_service_without_a_tcp_port_is_pinged(lab: Lab) -> None:
    ports = (Ports(Protocol.UDP, 5000, 6000),)
    found = ask(lab, path.findings, config=web(ports=ports, check=None))
    assert of(found, "service") == {(f"{VIP} icmp", REAL2): Verdict.OK}


def test_the_sorry_server_is_asked_too(lab: Lab) -> None:
    found = ask(lab, path.findings, config=web(reals=(), sorry=ip_address(REAL2)))
    assert of(found, "service") == {(f"{VIP} tcp/80", REAL2): Verdict.OK}


def test_the_ways_are_gone_afterwards_but_for_those_that_were_there(lab: Lab) -> None:
    before = told(lab)
    ask(lab, path.findings, config=replace(before.config))
    found = ask(lab, path.findings, config=web())
    assert wrong(found) == set()


def web(**other: object) -> Config:
    """The lab's service on one real server, otherwise as asked."""
    service = Service(
        "web", ip_address(VIP), (Ports(Protocol.TCP, 80, 80),), (Real(ip_address(REAL2)),), check=Check("tcp")
    )
    return Config(Director("eth0"), (replace(service, **other),))  # type: ignore[arg-type]
