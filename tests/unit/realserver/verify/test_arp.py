"""Whether a host keeps quiet about its VIP, judged from what was seen of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from carom.finding import Finding, Verdict
from carom.realserver.verify.arp import findings, spelt
from carom.realserver.view import Held, Nic, View
from tests.unit.realserver.words import BARE, ETH0, LO, SOUND, VIP, VIP6, WISH, question, sysctls


def judged(view: View) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings(question(view))}


def test_a_sound_host() -> None:
    found = judged(SOUND)
    assert {name: finding.verdict for name, finding in found.items()} == {
        "arp-ignore": Verdict.OK,
        "arp-announce": Verdict.OK,
    }
    assert "all.arp_ignore=1, eth0.arp_ignore=0" in found["arp-ignore"].evidence


@pytest.mark.parametrize(
    ("every", "own", "verdict"),
    [
        ("0", "0", Verdict.FAULT),
        ("1", "0", Verdict.OK),
        ("0", "2", Verdict.OK),
        ("0", "8", Verdict.OK),
        ("3", "0", Verdict.FAULT),
        ("1", "3", Verdict.FAULT),
        ("5", "0", Verdict.FAULT),
    ],
)
def test_arp_ignore(every: str, own: str, verdict: Verdict) -> None:
    view = sysctls(SOUND, all__arp_ignore=every, eth0__arp_ignore=own)
    assert judged(view)["arp-ignore"].verdict is verdict


@pytest.mark.parametrize(
    ("every", "own", "verdict"),
    [("0", "0", Verdict.FAULT), ("1", "0", Verdict.FAULT), ("0", "1", Verdict.FAULT), ("0", "2", Verdict.OK)],
)
def test_arp_announce(every: str, own: str, verdict: Verdict) -> None:
    view = sysctls(SOUND, all__arp_announce=every, eth0__arp_announce=own)
    assert judged(view)["arp-announce"].verdict is verdict


def test_the_recipe_that_sets_lo_alone_is_told_why_it_has_no_effect() -> None:
    view = sysctls(SOUND, all__arp_ignore="0", lo__arp_ignore="1")
    assert "lo's own arp_ignore has no effect" in judged(view)["arp-ignore"].evidence


def test_rules_make_settings_needless() -> None:
    view = replace(SOUND, sysctls={}, guarded=frozenset({VIP}), mangled=frozenset({VIP}))
    assert {finding.verdict for finding in judged(view).values()} == {Verdict.OK}


def test_half_of_the_rules_is_half_a_cure() -> None:
    view = replace(SOUND, sysctls={}, guarded=frozenset({VIP}))
    assert {name: finding.verdict for name, finding in judged(view).items()} == {
        "arp-ignore": Verdict.OK,
        "arp-announce": Verdict.FAULT,
    }


def test_a_vip_on_the_nic_is_answered_for_whatever_is_set() -> None:
    view = replace(SOUND, held=(*SOUND.held, Held(VIP, 24, "eth0")))
    found = judged(view)["arp-ignore"]
    assert (found.verdict, "the VIP is an address of that NIC" in found.evidence) == (Verdict.FAULT, True)
    assert found.remedy.startswith(f"ip address del {VIP}/24 dev eth0 && carom real-server join")


def test_a_leak_on_another_segment_is_a_warning() -> None:
    view = sysctls(replace(SOUND, nics=(LO, ETH0, Nic("eth1"))), all__arp_ignore="0", eth0__arp_ignore="1")
    found = judged(view)["arp-ignore"]
    assert (found.verdict, found.evidence.startswith("eth1 answers")) == (Verdict.WARNING, True)


def test_nics_that_speak_no_arp_leak_nothing() -> None:
    view = replace(SOUND, nics=(LO, replace(ETH0, arp=False)), sysctls={})
    assert {finding.verdict for finding in judged(view).values()} == {Verdict.OK}


def test_a_vip_that_is_not_on_the_host_can_be_leaked_by_proxy_arp_alone() -> None:
    assert {name: finding.verdict for name, finding in judged(BARE).items()} == {"proxy-arp": Verdict.OK}
    proxy = sysctls(BARE, eth0__proxy_arp="1")
    assert judged(proxy)["proxy-arp"].verdict is Verdict.OK, "a host that does not forward answers for nobody"
    found = judged(sysctls(proxy, eth0__forwarding="1"))["proxy-arp"]
    assert (found.verdict, found.remedy) == (Verdict.WARNING, "sysctl -w net.ipv4.conf.eth0.proxy_arp=0")


def test_ipv6_has_no_arp() -> None:
    assert not list(findings(question(wish=replace(WISH, vips=(VIP6,)))))


def test_dots_of_an_interface_are_spelt_as_sysctl_wants_them() -> None:
    assert spelt("eth0.7", "arp_ignore") == "net.ipv4.conf.eth0/7.arp_ignore"
