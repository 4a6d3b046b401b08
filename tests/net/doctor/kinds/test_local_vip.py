"""The VIPs are no addresses of the director's own."""

from __future__ import annotations

from carom.doctor.kinds import local_vip
from carom.finding import Verdict
from carom.lab.standing import Lab
from tests.net.doctor.ward import VIP, VIP6, ask, broken, of, wrong
from tests.net.labs import on


def test_they_are_not(lab: Lab) -> None:
    assert of(ask(lab, local_vip.findings), "local-vip") == {(VIP, ""): Verdict.OK, (VIP6, ""): Verdict.OK}


def test_they_are(lab: Lab) -> None:
    with broken(lab, "director", "local-vip"):
        found = ask(lab, local_vip.findings)
    assert wrong(found) == {("local-vip", VIP, ""), ("local-vip", VIP6, "")}


def test_what_it_says_to_do_is_right_whatever_the_nic_and_the_prefix(lab: Lab) -> None:
    on(lab, "director", "ip", "address", "add", f"{VIP}/24", "dev", "eth0")
    [finding] = [each for each in ask(lab, local_vip.findings) if each.verdict is Verdict.FAULT]
    assert finding.remedy == f"ip address del {VIP}/24 dev eth0"
    on(lab, "director", *finding.remedy.split())
    assert wrong(ask(lab, local_vip.findings)) == set()
