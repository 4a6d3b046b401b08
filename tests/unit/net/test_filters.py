"""Filters, run by the kernel itself: on a pair of sockets between which every datagram is taken for a frame."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6ND_NA, ICMPv6ND_NS, IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet

from carom.model import Address
from carom.net import filters
from carom.net.filters import Instruction

VIPS = [ip_address("192.168.76.24"), ip_address("192.168.76.25")]
VIPS6 = [ip_address("fd00:76::24"), ip_address("fd00:76::25")]
OWN = [ip_address("192.168.76.10"), ip_address("fd00:76::10")]
FRAME = Ether(src="02:00:00:00:76:32", dst="02:00:00:00:00:0a")
"""With both MACs: scapy would go and ask the network for those that are left out."""


def passes(program: Sequence[Instruction], frame: Packet) -> bool:
    """Whether the kernel lets the frame through. Nobody else can write to a pair, so what does not come was dropped."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with here, there:
        filters.attach(there, program)
        here.send(bytes(frame))
        try:
            return bool(there.recv(2048, socket.MSG_DONTWAIT))
        except BlockingIOError:
            return False


def ip(source: object, target: object = "192.0.2.7") -> Packet:
    return FRAME / IP(src=str(source), dst=str(target)) / TCP()


def ip6(source: object, target: object = "2001:db8::7") -> Packet:
    return FRAME / IPv6(src=str(source), dst=str(target)) / TCP()


# ---- ARP ----


@pytest.mark.parametrize(
    ("op", "sender", "target", "through"),
    [
        ("who-has", "192.168.76.24", "192.168.76.1", True),
        ("is-at", "192.168.76.25", "192.168.76.1", True),
        ("is-at", "192.168.76.26", "192.168.76.1", False),
        ("who-has", "192.168.76.1", "192.168.76.24", False),
        ("who-has", "192.168.76.32", "192.168.76.254", True),
    ],
)
def test_arp_is_let_through_by_its_sender_or_its_target(op: str, sender: str, target: str, through: bool) -> None:
    program = filters.claims4(VIPS, [ip_address("192.168.76.254")])
    assert passes(program, FRAME / ARP(op=op, psrc=sender, pdst=target)) is through


def test_without_any_address_nothing_is_let_through() -> None:
    assert not passes(filters.claims4(()), FRAME / ARP(op=2, psrc="192.168.76.24"))
    assert not passes(filters.packets4((), ()), ip("192.168.76.24"))
    assert not passes(filters.claims_and_packets6((), ()), ip6("fd00:76::24"))


# ---- packets ----


@pytest.mark.parametrize(
    ("frame", "through"),
    [
        (ip("192.168.76.24"), True),
        (ip("192.168.76.24", "192.168.76.11"), True),
        (ip("192.168.76.24", "192.168.76.10"), False),
        (ip("192.168.76.26"), False),
        (ip("192.0.2.7", "192.168.76.24"), False),
    ],
    ids=["from a VIP", "to another", "to us", "from another", "to a VIP"],
)
def test_ipv4_is_let_through_from_a_vip_but_not_to_us(frame: Packet, through: bool) -> None:
    assert passes(filters.packets4(VIPS, OWN), frame) is through


@pytest.mark.parametrize(
    ("frame", "through"),
    [
        (ip6("fd00:76::24"), True),
        (ip6("fd00:76::24", "fd00:76::10"), False),
        (ip6("fd00:76::24", "fd00:113::10"), True),
        (ip6("fd00:76::26"), False),
        (FRAME / IPv6(src="fd00:76::24", dst="2001:db8::7") / ICMPv6EchoReply(), True),
        (FRAME / IPv6(src="fd00:76::24", dst="2001:db8::7") / UDP(), True),
        (FRAME / IPv6(src="fd00:76::32", dst="ff02::1") / ICMPv6ND_NA(tgt="fd00:76::24"), True),
        (FRAME / IPv6(src="fd00:76::32", dst="ff02::1") / ICMPv6ND_NA(tgt="fd00:76::32"), False),
        (FRAME / IPv6(src="fd00:76::24", dst="ff02::1:ff00:1") / ICMPv6ND_NS(tgt="fd00:76::1"), True),
        (FRAME / IPv6(src="fd00:76::32", dst="ff02::1:ff00:1") / ICMPv6ND_NS(tgt="fd00:76::1"), False),
        (FRAME / IPv6(src="::", dst="ff02::1:ff00:24") / ICMPv6ND_NS(tgt="fd00:76::24"), True),
    ],
    ids=[
        *("from a VIP", "to us", "to one that ends like us", "from another", "a ping's answer", "a datagram"),
        *("an advertisement", "another's", "a solicitation", "another's question", "detection"),
    ],
)
def test_ipv6_is_let_through_from_a_vip_and_where_discovery_names_one(frame: Packet, through: bool) -> None:
    assert passes(filters.claims_and_packets6(VIPS6, OWN), frame) is through


# ---- many ----


@pytest.mark.parametrize("count", [1, 250, 251, 1200, 1201, 60_000])
def test_there_may_be_any_number_of_vips(count: int) -> None:
    vips: list[Address] = [IPv4Address("10.0.0.0") + n for n in range(count)]
    for vip in (vips[0], vips[count // 2], vips[-1]):
        assert passes(filters.claims4(vips), FRAME / ARP(op=2, psrc=str(vip)))
        assert passes(filters.packets4(vips, OWN), ip(vip))
    assert not passes(filters.claims4(vips), FRAME / ARP(op=2, psrc="172.16.0.1"))
    assert not passes(filters.packets4(vips, OWN), ip("172.16.0.1"))


@pytest.mark.parametrize("count", [1, 1200, 60_000])
def test_there_may_be_any_number_of_ipv6_vips(count: int) -> None:
    vips: list[Address] = [IPv6Address("fd00::1:0:0") + n for n in range(count)]
    for vip in (vips[0], vips[-1]):
        assert passes(filters.claims_and_packets6(vips, OWN), ip6(vip))
    assert not passes(filters.claims_and_packets6(vips, OWN), ip6("fd00::ffff:ffff"))


def test_a_program_can_be_put_in_the_place_of_another() -> None:
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with here, there:
        for vip in VIPS:
            filters.attach(there, filters.packets4([vip], ()))
            here.send(bytes(ip(VIPS[1])))
        there.setblocking(False)
        assert there.recv(2048)
        with pytest.raises(BlockingIOError):
            there.recv(2048)
