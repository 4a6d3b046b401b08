"""A stranger that answers for a VIP is another director, or it is not."""

from __future__ import annotations

from carom.doctor.kinds import arp_ignore, second_director
from carom.finding import Verdict
from carom.lab.standing import Lab
from tests.net.doctor.ward import VIP, VIP6, ask, broken, mac, of, wrong
from tests.net.labs import on

KINDS = (arp_ignore.findings, second_director.findings)


def test_nobody_is(lab: Lab) -> None:
    found = ask(lab, *KINDS)
    assert wrong(found) == set()
    assert of(found, "foreign-claim") == {(VIP, ""): Verdict.OK, (VIP6, ""): Verdict.OK}


def test_a_host_that_has_the_vip_for_itself_is_a_stranger(lab: Lab) -> None:
    with broken(lab, "gateway2", "foreign-claim"):
        found = ask(lab, *KINDS)
    assert wrong(found) == {("foreign-claim", VIP, ""), ("foreign-claim", VIP6, "")}
    assert all(mac("gateway2") in each.evidence for each in found if each.verdict is Verdict.FAULT)


def test_a_router_that_answers_for_others_is_no_director(lab: Lab) -> None:
    """Proxy ARP: it would route the packet, and one hop does not reach that far."""
    on(lab, "gateway2", "ip", "route", "add", f"{VIP}/32", "via", "203.0.113.1")
    on(lab, "gateway2", "sysctl", "-qw", "net.ipv4.conf.segment.proxy_arp=1", "net.ipv4.neigh.segment.proxy_delay=0")
    try:
        assert wrong(ask(lab, *KINDS)) == {("foreign-claim", VIP, "")}
    finally:
        on(
            lab,
            "gateway2",
            "sysctl",
            "-qw",
            "net.ipv4.conf.segment.proxy_arp=0",
            "net.ipv4.neigh.segment.proxy_delay=80",
        )
        on(lab, "gateway2", "ip", "route", "del", f"{VIP}/32")


def test_to_the_backup_the_other_director_is_no_fault(lab: Lab) -> None:
    with broken(lab, "gateway2", "second-director"):
        found = ask(lab, *KINDS, status={"director": {"answering": False}, "faults": []})
    assert wrong(found) == set()
    assert of(found, "second-director") == {(VIP, ""): Verdict.OK, (VIP6, ""): Verdict.OK}
