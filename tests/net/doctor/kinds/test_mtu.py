"""The real servers take packets as large as the director's NIC may send."""

from __future__ import annotations

from carom.doctor.kinds import mtu, path
from carom.finding import Verdict
from carom.lab.standing import Lab
from tests.net.doctor.ward import REAL2, REAL2_6, REALS, REALS6, ask, broken, of, wrong
from tests.net.labs import on

KINDS = (path.findings, mtu.findings)


def test_all_do(lab: Lab) -> None:
    found = ask(lab, *KINDS)
    assert wrong(found) == set()
    assert of(found, "mtu") == {(real, real): Verdict.OK for real in (*REALS, *REALS6)}


def test_one_that_does_not_is_named_with_its_mtu(lab: Lab) -> None:
    with broken(lab, "real2", "small-mtu"):
        found = ask(lab, *KINDS)
    assert wrong(found) == {("mtu", REAL2, REAL2), ("mtu", REAL2_6, REAL2_6)}
    assert all("takes 1300 bytes" in each.evidence for each in found if each.verdict is Verdict.WARNING)


def test_the_handshake_tells_where_large_frames_get_in_all_the_same(lab: Lab) -> None:
    """As with most NICs: they take frames larger than they send."""
    on(lab, "real2", "ip", "route", "change", "192.168.76.0/22", "dev", "eth0", "advmss", "1260", "src", REAL2)
    try:
        assert wrong(ask(lab, *KINDS)) == {("mtu", REAL2, REAL2)}
    finally:
        on(
            lab,
            "real2",
            "ip",
            "route",
            "change",
            "192.168.76.0/22",
            "dev",
            "eth0",
            "proto",
            "kernel",
            "scope",
            "link",
            "src",
            REAL2,
        )


def test_the_echo_tells_where_no_handshake_is_made(lab: Lab) -> None:
    with broken(lab, "real2", "small-mtu", "dead-service"):
        assert ("mtu", REAL2, REAL2) in wrong(ask(lab, *KINDS))


def test_where_nothing_is_answered_nothing_is_known(lab: Lab) -> None:
    rules = "table inet t {\nchain c {\ntype filter hook input priority 0\nmeta l4proto icmp drop\n}\n}\n"
    on(lab, "real2", "nft", "-f", "-", stdin=rules)
    try:
        with broken(lab, "real2", "dead-service"):
            assert of(ask(lab, *KINDS), "mtu")[REAL2, REAL2] is Verdict.UNKNOWN
    finally:
        on(lab, "real2", "nft", "delete", "table", "inet", "t")
