"""Asked who has a VIP, a real server answers, or keeps quiet."""

from __future__ import annotations

import pytest

from carom.doctor.kinds import arp_ignore
from carom.finding import Verdict
from carom.lab.standing import Lab
from tests.net.doctor.ward import PAIRS, REAL2, REAL2_6, VIP, VIP6, ask, broken, mac, of, settings, wrong
from tests.net.labs import on


def test_all_keep_quiet(lab: Lab) -> None:
    found = ask(lab, arp_ignore.findings)
    assert wrong(found) == set()
    quiet = of(found, "arp-ignore") | of(found, "neighbour-discovery")
    assert quiet == dict.fromkeys(PAIRS, Verdict.OK)


def test_one_that_answers_is_named_with_its_mac(lab: Lab) -> None:
    with broken(lab, "real2", "no-arp-ignore"):
        found = ask(lab, arp_ignore.findings)
    assert wrong(found) == {("arp-ignore", VIP, REAL2)}
    [guilty] = [finding for finding in found if finding.verdict is Verdict.FAULT]
    assert f"{REAL2} ({mac('real2')}) answers who has {VIP}" in guilty.evidence
    assert f"carom real-server join --vip {VIP}, on {REAL2}" in guilty.remedy


@pytest.mark.parametrize(
    ("values", "leaks"),
    [
        ({"all__arp_ignore": 0, "eth0__arp_ignore": 0}, True),
        ({"all__arp_ignore": 0, "eth0__arp_ignore": 0, "lo__arp_ignore": 1}, True),
        ({"all__arp_ignore": 3, "eth0__arp_ignore": 0}, True),
        ({"all__arp_ignore": 1, "eth0__arp_ignore": 0}, False),
        ({"all__arp_ignore": 0, "eth0__arp_ignore": 1}, False),
        ({"all__arp_ignore": 2, "eth0__arp_ignore": 0}, False),
        ({"all__arp_ignore": 8, "eth0__arp_ignore": 0}, False),
    ],
    ids=str,
)
def test_the_table_of_settings_as_the_director_sees_it(lab: Lab, values: dict[str, int], leaks: bool) -> None:
    with settings(lab, "real2", **values):
        assert wrong(ask(lab, arp_ignore.findings)) == ({("arp-ignore", VIP, REAL2)} if leaks else set())


def test_an_ipv6_vip_on_the_nic_answers_neighbour_solicitations(lab: Lab) -> None:
    on(lab, "real2", "ip", "address", "add", f"{VIP6}/128", "dev", "eth0", "nodad")
    try:
        assert wrong(ask(lab, arp_ignore.findings)) == {("neighbour-discovery", VIP6, REAL2_6)}
    finally:
        on(lab, "real2", "ip", "address", "del", f"{VIP6}/128", "dev", "eth0")
