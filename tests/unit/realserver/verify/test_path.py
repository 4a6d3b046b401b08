"""The way in and the way home."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv6Address

import pytest

from carom.finding import Finding, Verdict
from carom.model import Address
from carom.realserver.verify.path import findings
from carom.realserver.verify.question import Question
from carom.realserver.view import Nic, Route, View
from tests.unit.realserver.words import BARE, DIRECTOR, ETH0, GATEWAY, LO, SOUND, VIP, VIP6, WISH, question, sysctls


def judged(view: View, directors: tuple[Address, ...] = (DIRECTOR,)) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings(Question(WISH, view, directors))}


def replying(route: Route | None) -> View:
    return replace(SOUND, replies={VIP: route})


def test_a_sound_host() -> None:
    assert {finding.verdict for finding in judged(SOUND).values()} == {Verdict.OK}


@pytest.mark.parametrize(
    ("route", "verdict", "words"),
    [
        (Route("eth0", GATEWAY), Verdict.OK, "not to the director"),
        (Route("eth0", DIRECTOR), Verdict.FAULT, "which is the director (its address)"),
        (Route("eth0", VIP), Verdict.FAULT, "which is the director (a VIP)"),
        (Route("eth0", None), Verdict.OK, "straight onto eth0"),
        (None, Verdict.FAULT, "no route to clients"),
    ],
)
def test_the_way_home(route: Route | None, verdict: Verdict, words: str) -> None:
    found = judged(replying(route))["default-route"]
    assert (found.verdict, words in found.evidence) == (verdict, True)


def test_two_addresses_with_one_mac_are_one_host() -> None:
    view = replace(replying(Route("eth0", GATEWAY)), neighbours={GATEWAY: "02::1", DIRECTOR: "02::1"})
    assert "both have the MAC 02::1" in judged(view)["default-route"].evidence


def test_what_cannot_be_compared_is_not_called_sound() -> None:
    assert judged(SOUND, ())["default-route"].verdict is Verdict.UNKNOWN
    six = Question(replace(WISH, vips=(VIP6,)), SOUND, (DIRECTOR,))
    assert next(iter(findings(six))).verdict is Verdict.UNKNOWN, "an IPv4 director, an IPv6 gateway"
    gateway = IPv6Address("2001:db8::254")
    by_mac = replace(SOUND, neighbours={gateway: "02::1", DIRECTOR: "02::2"})
    assert next(iter(findings(replace(six, view=by_mac)))).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("value", "home", "verdict"),
    [("0", "eth1", Verdict.OK), ("2", "eth1", Verdict.OK), ("1", "eth0", Verdict.OK), ("1", "eth1", Verdict.FAULT)],
)
def test_rp_filter_wants_the_way_in_to_be_the_way_out(value: str, home: str, verdict: Verdict) -> None:
    found = judged(sysctls(replying(Route(home, GATEWAY)), eth0__rp_filter=value))["rp-filter"]
    assert found.verdict is verdict


def test_loose_on_the_nic_beats_strict_on_all() -> None:
    view = sysctls(replying(Route("eth1", GATEWAY)), all__rp_filter="1", eth0__rp_filter="2")
    assert judged(view)["rp-filter"].verdict is Verdict.OK


def test_a_host_that_forwards_what_it_does_not_own() -> None:
    assert judged(sysctls(SOUND, eth0__forwarding="1"))["forwarding"].verdict is Verdict.OK
    found = judged(sysctls(BARE, eth0__forwarding="1"))["forwarding"]
    assert (found.verdict, found.remedy) == (Verdict.WARNING, "sysctl -w net.ipv4.conf.eth0.forwarding=0")


@pytest.mark.parametrize(("mtu", "verdict"), [(1500, Verdict.OK), (1499, Verdict.WARNING), (9000, Verdict.UNKNOWN)])
def test_mtu(mtu: int, verdict: Verdict) -> None:
    assert judged(replace(SOUND, nics=(LO, replace(ETH0, mtu=mtu))))["mtu"].verdict is verdict


def test_an_interface_that_is_gone() -> None:
    found = {finding.name: finding for finding in findings(question(replace(SOUND, nics=(LO, Nic("eth1")))))}
    assert found["mtu"].verdict is Verdict.UNKNOWN
