"""Frames, as another implementation reads and writes them."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
)
from scapy.layers.l2 import ARP, Ether

from carom.net import frames
from carom.net.frames import Claim, Packet, Way
from carom.sighting import Sign

OURS, THEIRS = bytes.fromhex("02000000000a"), bytes.fromhex("020000007632")
VIP, REAL, CLIENT = map(ip_address, ("192.168.76.24", "192.168.76.32", "192.0.2.7"))
VIP6, REAL6, CLIENT6 = map(ip_address, ("fd00:76::24", "fd00:76::32", "2001:db8::7"))


def mac(raw: bytes) -> str:
    return raw.hex(":")


# ---- questions ----


def test_who_has_an_ipv4_address_is_an_arp_probe() -> None:
    frame = Ether(frames.question(VIP, OURS))
    assert (frame.src, frame.dst) == (mac(OURS), "ff:ff:ff:ff:ff:ff")
    arp = frame[ARP]
    assert (arp.op, arp.hwsrc, arp.psrc, arp.hwdst, arp.pdst) == (
        *(1, mac(OURS), "0.0.0.0"),
        *("00:00:00:00:00:00", str(VIP)),
    )


def test_who_has_an_ipv6_address_is_a_solicitation_from_nobody_to_its_group() -> None:
    data = frames.question(ip_address("fd00:76::12:3456"), OURS)
    frame = Ether(data)
    assert (frame.src, frame.dst) == (mac(OURS), "33:33:ff:12:34:56")
    assert (frame[IPv6].src, frame[IPv6].dst, frame[IPv6].hlim) == ("::", "ff02::1:ff12:3456", 255)
    assert frame[ICMPv6ND_NS].tgt == "fd00:76::12:3456"
    assert rebuilt(frame) == data


def test_a_question_claims_nothing() -> None:
    assert frames.claim(frames.question(VIP, OURS)) is None
    assert frames.claim(frames.question(VIP6, OURS)) is None


# ---- packets that are answered ----


@pytest.mark.parametrize(("source", "target"), [(CLIENT, VIP), (CLIENT6, VIP6)])
def test_an_echo_request_is_whole(source: object, target: object) -> None:
    way = Way(OURS, THEIRS, ip_address(str(source)), ip_address(str(target)))
    data = frames.echo_request(way, 4711)
    frame = Ether(data)
    echo = frame[ICMP] if ICMP in frame else frame[ICMPv6EchoRequest]
    assert (frame.src, frame.dst, echo.id) == (mac(OURS), mac(THEIRS), 4711)
    assert rebuilt(frame) == data


@pytest.mark.parametrize(("source", "target"), [(CLIENT, VIP), (CLIENT6, VIP6)])
def test_a_stray_segment_is_whole_and_lives_as_many_hops_as_asked(source: object, target: object) -> None:
    way = Way(OURS, THEIRS, ip_address(str(source)), ip_address(str(target)), hops=1)
    data = frames.stray_ack(way, 50000, 80)
    frame = Ether(data)
    assert (frame[TCP].flags, frame[TCP].sport, frame[TCP].dport) == ("A", 50000, 80)
    assert (frame[IP].ttl if IP in frame else frame[IPv6].hlim) == 1
    assert rebuilt(frame) == data


def rebuilt(frame: Ether) -> bytes:
    """The frame with lengths and checksums as scapy computes them."""
    for layer in (IP, IPv6, TCP, ICMP, ICMPv6EchoRequest, ICMPv6ND_NS):
        if layer in frame:
            for field in ("chksum", "cksum", "len", "plen"):
                if field in {one.name for one in frame[layer].fields_desc}:
                    frame[layer].delfieldval(field)
    return bytes(frame)


# ---- what is claimed ----


def ether(*layers: object) -> bytes:
    frame = Ether(src=mac(THEIRS), dst=mac(OURS))
    for layer in layers:
        frame = frame / layer
    return bytes(frame)


def arp(op: str, sender: str, target: str) -> bytes:
    return ether(ARP(op=op, hwsrc=mac(THEIRS), psrc=sender, pdst=target))


def test_an_arp_reply_claims_its_sender() -> None:
    frame = arp("is-at", str(VIP), str(REAL))
    assert frames.claim(frame) == Claim(VIP, THEIRS, Sign.ANSWERED, REAL)


def test_an_arp_request_claims_its_sender_too() -> None:
    """What a real server with arp_announce 0 does."""
    frame = arp("who-has", str(VIP), str(REAL))
    assert frames.claim(frame) == Claim(VIP, THEIRS, Sign.ANNOUNCED, REAL)


def test_an_advertisement_claims_its_target() -> None:
    option = ICMPv6NDOptDstLLAddr(lladdr="02:00:00:00:00:55")
    head = IPv6(src=str(REAL6), dst="ff02::1")
    claimed = frames.claim(ether(head, ICMPv6ND_NA(tgt=str(VIP6)), option))
    everybody = ip_address("ff02::1")
    assert claimed == Claim(VIP6, bytes.fromhex("020000000055"), Sign.ANSWERED, everybody)
    bare = frames.claim(ether(head, ICMPv6ND_NA(tgt=str(VIP6))))
    assert bare == Claim(VIP6, THEIRS, Sign.ANSWERED, everybody), "without an option the frame's own MAC counts"


def test_a_solicitation_claims_its_source() -> None:
    head = IPv6(src=str(VIP6), dst="ff02::1:ff00:1")
    frame = ether(head, ICMPv6ND_NS(tgt=str(REAL6)), ICMPv6NDOptSrcLLAddr(lladdr=mac(THEIRS)))
    assert frames.claim(frame) == Claim(VIP6, THEIRS, Sign.ANNOUNCED, REAL6)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        bytes(14),
        arp("is-at", "0.0.0.0", str(REAL)),
        arp("who-has", str(VIP), str(REAL))[:40],
        ether(ARP(op=3, psrc=str(VIP))),
        ether(ARP(op=2, hwtype=6, psrc=str(VIP))),
        ether(IP(src=str(VIP)), ICMP()),
        ether(IPv6(src=str(VIP6)), TCP(), bytes(20)),
        ether(IPv6(src=str(VIP6)), ICMPv6EchoRequest(data=bytes(20))),
    ],
    ids=["empty", "bare", "probe", "cut", "rarp", "token ring", "ping", "tcp", "ping6"],
)
def test_all_else_claims_nothing(frame: bytes) -> None:
    assert frames.claim(frame) is None


# ---- where packets come from ----


@pytest.mark.parametrize(
    ("head", "source", "target"),
    [(IP(src=str(VIP), dst=str(CLIENT)), VIP, CLIENT), (IPv6(src=str(VIP6), dst=str(CLIENT6)), VIP6, CLIENT6)],
)
def test_a_packet_names_both_ends_its_station_and_its_port(head: object, source: object, target: object) -> None:
    ends = ip_address(str(source)), ip_address(str(target))
    assert frames.packet(ether(head, TCP(dport=50000))) == Packet(*ends, THEIRS, 50000)
    assert frames.packet(ether(head, UDP(dport=50000))) == Packet(*ends, THEIRS)


def test_a_segment_behind_options_has_no_port() -> None:
    found = frames.packet(ether(IP(src=str(VIP), options=b"\1\1\1\1"), TCP(dport=50000)))
    assert found is not None
    assert found.port == 0


def test_what_is_no_packet_is_none() -> None:
    assert frames.packet(arp("is-at", str(VIP), str(REAL))) is None
    assert frames.packet(ether(IP(src=str(VIP)))[:30]) is None


@given(st.binary(max_size=128))
def test_no_frame_is_too_odd_to_read(frame: bytes) -> None:
    for kind in (b"\x08\x00", b"\x08\x06", b"\x86\xdd"):
        whole = bytes(12) + kind + frame
        frames.claim(whole)
        frames.packet(whole)
