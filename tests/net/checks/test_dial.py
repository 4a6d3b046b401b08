"""What the network says when a way ends early: each ICMP error, sent by a real host's packet filter or router."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from carom.checks.checker import Target, examine
from carom.checks.tcp import Tcp
from carom.checks.udp import Udp
from carom.outcome import Outcome, Reason
from tests.net.segment import Segment, inside, rip, rip6, segment

PORT = 8000


@pytest.fixture(scope="module")
def standing() -> Iterator[Segment]:
    with segment(reals=1) as built:
        built.listener(1, rip(1), PORT)
        built.listener(1, rip6(1), PORT)
        built.listener(1, rip(1), PORT, socket.SOCK_DGRAM)
        yield built


@pytest.fixture
def one(standing: Segment) -> Iterator[Segment]:
    with inside(standing.director):
        yield standing
    standing.on(standing.real(1), "nft", "flush", "ruleset")


def found(checker: Tcp | Udp, target: Target) -> Outcome:
    return asyncio.run(examine(checker, target))


@pytest.mark.parametrize(
    ("family", "verdict", "reason", "text"),
    [
        ("ip", "drop", Reason.SILENT, "no answer to the handshake in 0.2 s"),
        ("ip", "reject with tcp reset", Reason.REFUSED, "Connection refused"),
        ("ip", "reject", Reason.PROHIBITED, "ICMP port unreachable to a TCP handshake"),
        ("ip", "reject with icmp net-prohibited", Reason.PROHIBITED, "ICMP type 3 code 9"),
        ("ip", "reject with icmp host-prohibited", Reason.PROHIBITED, "ICMP type 3 code 10"),
        ("ip", "reject with icmp admin-prohibited", Reason.PROHIBITED, "ICMP type 3 code 13"),
        ("ip", "reject with icmp host-unreachable", Reason.UNREACHABLE, "ICMP type 3 code 1"),
        ("ip6", "reject", Reason.PROHIBITED, "ICMP port unreachable to a TCP handshake"),
        ("ip6", "reject with icmpv6 admin-prohibited", Reason.PROHIBITED, "ICMP type 1 code 1"),
        ("ip6", "reject with icmpv6 addr-unreachable", Reason.UNREACHABLE, "ICMP type 1 code 3"),
    ],
)
def test_a_handshake_that_is_filtered(one: Segment, family: str, verdict: str, reason: Reason, text: str) -> None:
    address = rip(1) if family == "ip" else rip6(1)
    assert found(Tcp(), Target(address, PORT, address)).ok
    one.filter(one.real(1), f"tcp dport {PORT} {verdict}", family=family)
    outcome = found(Tcp(), Target(address, PORT, address, timeout=0.2))
    assert outcome.reason is reason
    assert text in outcome.text


def test_a_datagram_that_is_filtered(one: Segment) -> None:
    target = Target(rip(1), PORT, rip(1), timeout=0.2)
    assert found(Udp(), target).ok
    one.filter(one.real(1), f"udp dport {PORT} reject with icmp admin-prohibited", family="ip")
    assert found(Udp(), target).reason is Reason.PROHIBITED


def test_nobody_has_the_address(one: Segment) -> None:
    outcome = found(Tcp(), Target(rip(9), PORT, rip(9), timeout=5.0))
    assert (outcome.reason, outcome.text) == (
        Reason.UNREACHABLE,
        "no answer to ARP, or no route (ICMP type 3 code 1)",
    )
