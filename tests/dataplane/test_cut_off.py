"""Frames that end too soon, at every byte: nothing that is cut off is passed on to a real server, nor answered."""

from __future__ import annotations

import pytest

from carom.dataplane.fake.walk import Verdict
from tests.dataplane import plans
from tests.dataplane.frames import icmp, icmp6, tcp, udp
from tests.dataplane.planes import PlaneUnderTest
from tests.dataplane.plans import VIP, VIP6

CLIENT, CLIENT6 = "10.0.0.1:1025", "[2001:db8::1]:1025"
SIX = plans.plan(plans.service(vip=VIP6), plans.service(name="dns", vip=VIP6, ports=(plans.DNS,)))
CHAIN = ((0, bytes(7)), (60, b"\1" + bytes(14)))
_INNER = tcp(f"{VIP}:80", CLIENT, "A")[14:42]
WHOLE = {
    "a SYN": tcp(CLIENT, f"{VIP}:80", "S"),
    "a SYN with options": tcp(CLIENT, f"{VIP}:80", "S", bytes(20), offset=10, options=bytes(8)),
    "a datagram": udp(CLIENT, f"{VIP}:53", b"question"),
    "an echo request": icmp("10.0.0.1", VIP, 8, data=b"payload"),
    "an ICMP error": icmp("172.16.0.1", VIP, 3, 4, data=_INNER),
    "a SYN of IPv6": tcp(CLIENT6, f"[{VIP6}]:80", "S"),
    "a SYN behind extension headers": tcp(CLIENT6, f"[{VIP6}]:80", "S", extensions=CHAIN),
    "a datagram of IPv6": udp(CLIENT6, f"[{VIP6}]:53", b"question"),
    "an echo request of IPv6": icmp6("2001:db8::1", VIP6, 128, b"\0\1\0\1payload!"),
    "a first fragment": tcp(CLIENT, f"{VIP}:80", "S", bytes(28), fragment=0x2000),
}
FIRST = tcp(CLIENT, f"{VIP}:80", "S")


@pytest.mark.parametrize("words", WHOLE)
def test_at_every_byte(plane: PlaneUnderTest, words: str) -> None:
    frame = WHOLE[words]
    plane.apply(SIX if frame[12:14] == b"\x86\xdd" else plans.plan())
    if words == "an ICMP error":
        plane.send(FIRST)
    ends = {cut: plane.send(frame[:cut]) for cut in range(14, len(frame) + 1)}
    assert {cut for cut, end in ends.items() if end.verdict is Verdict.TX} == {len(frame)}
    head = 54 if frame[12:14] == b"\x86\xdd" else 34
    assert {end.reason for cut, end in ends.items() if cut < head} == {"not_vip"}, "nobody knows yet whom it is for"
    assert {end.reason for cut, end in ends.items() if head <= cut < len(frame)} == {"malformed"}


@pytest.mark.parametrize("words", ["a SYN", "a datagram", "a SYN of IPv6", "a datagram of IPv6"])
def test_where_the_packet_says_so_itself(plane: PlaneUnderTest, words: str) -> None:
    """The frame is whole, and the IP header's length ends within the transport header."""
    frame = WHOLE[words]
    is_six = frame[12:14] == b"\x86\xdd"
    plane.apply(SIX if is_six else plans.plan())
    at, least = (18, 0) if is_six else (16, 20)
    header = 20 if "SYN" in words else 8
    for length in range(least + header):
        end = plane.send(frame[:at] + length.to_bytes(2) + frame[at + 2 :])
        assert (length, end.verdict, end.reason) == (length, Verdict.DROP, "malformed")
