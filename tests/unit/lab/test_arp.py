"""The question who has a VIP, and its answers, byte by byte."""

from __future__ import annotations

from ipaddress import IPv4Address

from scapy.layers.l2 import ARP, Ether

from carom.lab.arp import Reply, parse, question
from carom.lab.network import NODES, Wire

VIP = IPv4Address("192.168.76.24")
ROUTER = NODES["router"].nic(Wire.SEGMENT)


def test_the_question_is_a_broadcast_from_the_asker() -> None:
    asked = Ether(question(ROUTER, VIP))
    assert (asked.dst, asked.src, asked[ARP].op) == ("ff:ff:ff:ff:ff:ff", ROUTER.mac, 1)
    assert (asked[ARP].hwsrc, asked[ARP].psrc, asked[ARP].pdst) == (ROUTER.mac, "192.168.76.1", str(VIP))


def test_an_answer_says_who() -> None:
    answer = Ether(dst=ROUTER.mac, src="02:00:00:00:76:10") / ARP(op=2, hwsrc="02:00:00:00:76:10", psrc=str(VIP))
    assert parse(bytes(answer)) == Reply(VIP, "02:00:00:00:76:10")


def test_a_question_is_no_answer() -> None:
    assert parse(question(ROUTER, VIP)) is None


def test_nor_is_a_piece_of_one() -> None:
    assert parse(question(ROUTER, VIP)[:41]) is None
    assert parse(b"") is None
