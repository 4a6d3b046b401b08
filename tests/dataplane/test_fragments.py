"""Fragmented datagrams, on every data plane: a story each, since what a piece meets depends on those before it."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from itertools import chain

import pytest

from carom.dataplane.fake.walk import Verdict
from carom.model import Scheduler
from tests.dataplane import plans
from tests.dataplane.frames import ethernet, ip4, ip6, pieces, remac, tcp, udp
from tests.dataplane.planes import PlaneUnderTest
from tests.dataplane.plans import REALS, VIP, VIP6, mac

FIRST, SECOND = mac(REALS[2]), mac(REALS[1])
"""The real servers in rr's order."""


@dataclass(frozen=True)
class Family:
    """The same story in IPv4 and in IPv6."""

    client: str
    other: str
    vip: str

    @property
    def dns(self) -> str:
        return f"[{self.vip}]:53" if ":" in self.vip else f"{self.vip}:53"

    def datagram(self, client: str, size: int = 9000, number: int = 1) -> tuple[bytes, ...]:
        return pieces(udp(client, self.dns, bytes(size - 8)), 1440, number)


FOUR = Family("10.0.0.1:1025", "10.0.0.2:1025", VIP)
SIX = Family("[2001:db8::1]:1025", "[2001:db8::2]:1025", VIP6)


@pytest.fixture(params=[FOUR, SIX], ids=["IPv4", "IPv6"])
def family(request: pytest.FixtureRequest, plane: PlaneUnderTest) -> Family:
    """A family, and a service of it for DNS and one for the web."""
    family: Family = request.param
    plane.apply(
        plans.plan(plans.service(name="dns", vip=family.vip, ports=(plans.DNS,)), plans.service(vip=family.vip))
    )
    return family


def fates(plane: PlaneUnderTest, *frames: bytes) -> list[tuple[str, bytes]]:
    """How each frame ends, and the MAC it leaves for."""
    ends = [plane.send(frame) for frame in frames]
    for end, frame in zip(ends, frames, strict=True):
        assert end.frame == (remac(frame, end.frame[:6]) if end.verdict is Verdict.TX else frame)
    return [(end.reason, end.frame[:6] if end.verdict is Verdict.TX else b"") for end in ends]


def test_nine_thousand_bytes_of_two_clients_interleaved(plane: PlaneUnderTest, family: Family) -> None:
    ours, theirs = family.datagram(family.client), family.datagram(family.other)
    assert len(ours) == 7
    assert fates(plane, *chain(*zip(ours, theirs, strict=True))) == [
        ("forwarded", FIRST),
        ("forwarded", SECOND),
        *[("fragment", FIRST), ("fragment", SECOND)] * 6,
    ]


def test_two_datagrams_of_one_client_interleaved(plane: PlaneUnderTest, family: Family) -> None:
    first, second = family.datagram(family.client, number=7), family.datagram(family.other, number=8)
    assert fates(plane, first[0], second[0], second[1], first[1])[2:] == [("fragment", SECOND), ("fragment", FIRST)]


def test_pieces_count_for_their_real_server(plane: PlaneUnderTest, family: Family) -> None:
    fates(plane, *family.datagram(family.client))
    (real,) = [real for real in plane.read().reals if real.counter.packets]
    assert (real.counter.packets, real.new_flows, real.active + real.inactive) == (7, 1, 1)


def test_later_pieces_may_come_in_any_order(plane: PlaneUnderTest, family: Family) -> None:
    first, *rest = family.datagram(family.client)
    assert fates(plane, first, *reversed(rest))[1:] == [("fragment", FIRST)] * 6


def test_a_later_piece_before_the_first_is_dropped_and_counted(plane: PlaneUnderTest, family: Family) -> None:
    first, second, third, *_ = family.datagram(family.client)
    assert fates(plane, second, first, third) == [("fragment_lost", b""), ("forwarded", FIRST), ("fragment", FIRST)]


def test_a_first_piece_is_remembered_for_half_a_minute(plane: PlaneUnderTest, family: Family) -> None:
    first, second, third, *_ = family.datagram(family.client)
    fates(plane, first)
    plane.at(1030)
    assert fates(plane, second) == [("fragment", FIRST)]
    plane.at(1031)
    assert fates(plane, third) == [("fragment_lost", b"")]


def test_overlapping_pieces_go_where_their_first_went(plane: PlaneUnderTest, family: Family) -> None:
    ours = family.datagram(family.client)
    other_port = family.client.replace("1025", "1026")
    again = family.datagram(other_port)
    assert fates(plane, ours[0], ours[1], ours[1], again[0], again[2]) == [
        ("forwarded", FIRST),
        ("fragment", FIRST),
        ("fragment", FIRST),
        ("forwarded", SECOND),  # another flow by its port, under the same name: those that come now follow it
        ("fragment", SECOND),
    ]


def test_a_segment_in_pieces(plane: PlaneUnderTest, family: Family) -> None:
    web = family.dns.replace(":53", ":80")
    syn, *data = (tcp(family.client, web, "S"), *pieces(tcp(family.client, web, "PA", bytes(3000)), 1440))
    assert fates(plane, syn, *data) == [("forwarded", FIRST)] * 2 + [("fragment", FIRST)] * 2


def test_tiny_first_pieces_are_dropped(plane: PlaneUnderTest, family: Family) -> None:
    web = family.dns.replace(":53", ":80")
    tiny, rest, *_ = pieces(tcp(family.client, web, "S", bytes(100)), 8)
    assert fates(plane, tiny, rest) == [("malformed", b""), ("malformed", b"")]
    sixteen, after, *_ = pieces(tcp(family.client, web, "S", bytes(100)), 16)
    assert fates(plane, sixteen, after) == [("malformed", b""), ("fragment_lost", b"")]


def test_eight_bytes_are_enough_of_udp(plane: PlaneUnderTest, family: Family) -> None:
    assert fates(plane, *pieces(udp(family.client, family.dns, bytes(16)), 8)) == [
        ("forwarded", FIRST),
        ("fragment", FIRST),
        ("fragment", FIRST),
    ]


def test_pieces_to_a_port_without_a_service(plane: PlaneUnderTest, family: Family) -> None:
    frames = pieces(udp(family.client, family.dns.replace(":53", ":54"), bytes(100)), 56)
    assert fates(plane, *frames) == [("no_service", b""), ("fragment_lost", b"")]


def test_pieces_of_another_protocol(plane: PlaneUnderTest, family: Family) -> None:
    whole = (
        ethernet(ip6("2001:db8::1", VIP6, 47, bytes(64)), 0x86DD)
        if family is SIX
        else ethernet(ip4("10.0.0.1", VIP, 47, bytes(64)))
    )
    assert fates(plane, *pieces(whole, 32)) == [("no_service", b"")] * 2


def wrong(family: Family, offset: int, more: bool, data: bytes) -> bytes:
    """A piece of UDP with these words in its header."""
    client = family.client.rsplit(":", 1)[0].strip("[]")
    if family is FOUR:
        return ethernet(ip4(client, family.vip, 17, data, fragment=offset // 8 | more << 13))
    header = (44, struct.pack("!xHI", offset | more, 1))
    return ethernet(ip6(client, family.vip, 17, data, extensions=(header,)), 0x86DD)


@pytest.mark.parametrize(
    ("offset", "more", "data"),
    [
        pytest.param(65528, False, bytes(8), id="beyond 65,535 bytes"),
        pytest.param(8, True, bytes(9), id="not of eights, and not the last"),
        pytest.param(8, False, b"", id="of nothing"),
        pytest.param(0, True, b"\x04\x01\0\x35\0\x08\0\0" + bytes(8), id="a UDP length below the piece's"),
        pytest.param(0, True, b"", id="a first piece of nothing"),
    ],
)
def test_pieces_of_no_sound_datagram(
    plane: PlaneUnderTest, family: Family, offset: int, more: bool, data: bytes
) -> None:
    assert fates(plane, wrong(family, offset, more, data)) == [("malformed", b"")]


def test_hash_schedulers_need_no_flow_for_it(plane: PlaneUnderTest) -> None:
    dns = plans.service(Scheduler.MH, name="dns", ports=(plans.DNS,))
    plane.apply(plans.plan(dns))
    (reason, where), *rest = fates(plane, *FOUR.datagram(FOUR.client))
    assert reason == "forwarded"
    assert rest == [("fragment", where)] * 6


def test_one_packet_means_one_datagram(plane: PlaneUnderTest) -> None:
    plane.apply(plans.plan(replace(plans.service(name="dns", ports=(plans.DNS,)), one_packet=True)))
    first, second = FOUR.datagram(FOUR.client, number=1), FOUR.datagram(FOUR.client, number=2)
    assert [where for _, where in fates(plane, *first)] == [FIRST] * 7
    assert [where for _, where in fates(plane, *second)] == [SECOND] * 7
