"""Reading frames: what each header says, and which contradict themselves."""

from __future__ import annotations

from typing import Any

import pytest

from carom.dataplane.fake import packet
from carom.dataplane.fake.packet import Malformed, Segment
from tests.dataplane.frames import DIRECTOR, ROUTER, arp, icmp, ip4, tcp, udp

CLIENT, VIP = "10.0.0.1:1025", "192.168.76.24:80"


def test_a_segment_is_read_from_the_frame_up() -> None:
    frame = packet.ethernet(tcp(CLIENT, VIP, "S", b"data"))
    assert frame is not None
    assert (frame.target, frame.source, frame.ethertype) == (DIRECTOR, ROUTER, packet.ETHERTYPE_IP4)
    ip = packet.ip4(frame.payload)
    assert (str(ip.source), str(ip.target), ip.protocol, ip.piece) == ("10.0.0.1", "192.168.76.24", 6, None)
    ends, segment = packet.tcp(ip)
    assert (ends.client_port, ends.vip_port, segment) == (1025, 80, Segment.SYN)


@pytest.mark.parametrize(
    ("flags", "segment"),
    [("S", "syn"), ("SA", "syn"), ("FA", "fin"), ("PA", "ack"), ("RFA", "rst")],
)
def test_one_flag_counts(flags: str, segment: str) -> None:
    assert packet.tcp(packet.ip4(tcp(CLIENT, VIP, flags)[14:]))[1] == segment


@pytest.mark.parametrize("flags", ["SF", "SR", "SFRPAU", "", "PU"])
def test_flags_that_no_tcp_sends_are_malformed(flags: str) -> None:
    with pytest.raises(Malformed):
        packet.tcp(packet.ip4(tcp(CLIENT, VIP, flags)[14:]))


def test_padding_is_no_payload() -> None:
    assert len(packet.ip4(udp(CLIENT, VIP, b"abc")[14:] + bytes(20)).payload) == 11


@pytest.mark.parametrize("wrong", [{"version": 6}, {"ihl": 4}, {"ihl": 15}, {"total": 19}, {"total": 99}])
def test_lengths_that_lie_are_malformed(wrong: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        packet.ip4(tcp(CLIENT, VIP, **wrong)[14:])


def test_an_icmp_error_is_turned_round() -> None:
    inner = ip4("192.168.76.24", "10.0.0.1", 6, tcp(VIP, CLIENT)[34:42])
    source, has_ports, ends = packet.quoted(
        packet.ip4(icmp("172.16.0.1", "192.168.76.24", 3, 4, data=inner)[14:]).payload
    )
    assert (str(source), has_ports) == ("192.168.76.24", True)
    assert (str(ends.client), ends.client_port, str(ends.vip), ends.vip_port) == ("10.0.0.1", 1025, "192.168.76.24", 80)


def test_arp_of_another_kind_is_no_arp_of_ours() -> None:
    request = packet.arp(arp(1, "10.0.0.1", "10.0.0.2")[14:])
    assert request is not None
    assert (request.operation, str(request.sender), str(request.target)) == (1, "10.0.0.1", "10.0.0.2")
    assert packet.arp(arp(1, "10.0.0.1", "10.0.0.2", head=bytes.fromhex("000186dd0604"))[14:]) is None


def test_the_internet_checksum_of_rfc_1071s_example() -> None:
    assert packet.checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2
