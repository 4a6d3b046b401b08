"""The oracle's table of first pieces. What becomes of pieces is the packet suite's matter (`tests/dataplane`)."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from carom.dataplane.fake import packet
from carom.dataplane.fake.fragments import SECONDS, Fragments, name_of, sound
from carom.dataplane.fake.packet import Ip4, Malformed, Piece
from tests.dataplane.frames import pieces, tcp, udp

REAL = ip_address("192.168.76.31")


def ip4(frame: bytes) -> Ip4:
    return packet.ip4(frame[14:])


def test_later_pieces_follow_for_a_while() -> None:
    fragments, name = Fragments(), (ip_address("10.0.0.1"), ip_address("192.168.76.24"), 7, 17)
    fragments.begin(name, "dns", REAL, 1000)
    assert fragments.follow(name, 1000 + SECONDS) == ("dns", REAL)
    assert fragments.follow(name, 1001 + SECONDS) is None
    assert fragments.follow((*name[:2], 8, 17), 1000) is None


def test_all_pieces_have_one_name() -> None:
    for frame in ("10.0.0.1:1025", "192.168.76.24:53"), ("[2001:db8::1]:1025", "[2001:db8::24]:53"):
        read = [
            packet.ip6(piece[14:]) if "[" in frame[0] else ip4(piece)
            for piece in pieces(udp(*frame, bytes(100)), 40, number=7)
        ]
        names = {name_of(ip, ip.piece) for ip in read if ip.piece}
        assert len(read) == 3
        assert len(names) == 1


def test_a_tcp_header_is_not_written_over() -> None:
    first, second, *_ = (ip4(piece) for piece in pieces(tcp("10.0.0.1:1", "10.0.0.2:2", "S", bytes(40)), 8))
    sound(first, Piece(1, 0, more=True))
    with pytest.raises(Malformed):
        sound(second, Piece(1, 8, more=True))
