"""ICMP errors of the director's own, on every data plane: read by scapy, which neither of them was written with."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scapy.layers.inet import ICMP, IP
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6PacketTooBig, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from carom.core.plan import Plan
from carom.dataplane.fake.walk import End, Verdict
from carom.model import Defence, OnNoReal, Scheduler
from tests.dataplane import plans
from tests.dataplane.frames import DIRECTOR, ROUTER, icmp, ip4, pieces, remac, tcp, udp
from tests.dataplane.planes import PlaneUnderTest
from tests.dataplane.plans import REALS, REALS6, VIP, VIP6

FOUR, SIX = ("10.0.0.1:1025", f"{VIP}:80"), ("[2001:db8::1]:1025", f"[{VIP6}]:80")
FAMILIES = pytest.mark.parametrize("ends", [FOUR, SIX], ids=["IPv4", "IPv6"])


def nobody(ends: tuple[str, str], on_no_real: OnNoReal = OnNoReal.UNREACHABLE, rate: int = 1000) -> Plan:
    vip, reals = (VIP6, REALS6) if ends is SIX else (VIP, REALS)
    down = plans.service(Scheduler.WLC, plans.real(reals[0], up=False), vip=vip, on_no_real=on_no_real)
    dns = replace(down, name="dns", ports=(plans.DNS,))
    return replace(plans.plan(down, dns), defence=Defence(icmp_rate=rate))


def narrow(ends: tuple[str, str], mtu: int) -> Plan:
    vip, reals = (VIP6, REALS6) if ends is SIX else (VIP, REALS)
    real = replace(plans.real(reals[0]), mtu=mtu)
    return plans.plan(
        plans.service(Scheduler.WLC, real, vip=vip), plans.service(name="dns", vip=vip, ports=(plans.DNS,))
    )


def read(end: End, frame: bytes) -> Packet:
    """The error, once all that holds for any is shown."""
    answer: Packet = Ether(end.frame)
    assert (end.verdict, bytes.fromhex(answer.dst.replace(":", "")), end.frame[6:12]) == (Verdict.TX, ROUTER, DIRECTOR)
    sound = Ether(end.frame)
    for layer in (IP, ICMP, ICMPv6DestUnreach, ICMPv6PacketTooBig):
        if layer in sound:
            for field in ("chksum", "cksum", "len", "plen"):
                if field in sound[layer].fields:
                    del sound[layer].fields[field]
    quoted = end.frame[14 + (28 if IP in answer else 48) :]
    assert frame[14:].startswith(quoted)
    assert bytes(sound) == end.frame, "scapy's checksums and lengths"
    return answer


@FAMILIES
@pytest.mark.parametrize("data", [b"", b"odd", bytes(1400), bytes(8960)], ids=["small", "odd", "large", "jumbo"])
def test_no_real_server_means_port_unreachable(plane: PlaneUnderTest, ends: tuple[str, str], data: bytes) -> None:
    plane.apply(nobody(ends))
    frame = tcp(*ends, "S", data)
    end = plane.send(frame)
    answer = read(end, frame)
    assert end.reason == "unreachable"
    if ends is FOUR:
        assert (answer[IP].src, answer[IP].dst, answer[IP].ttl) == (VIP, "10.0.0.1", 64)
        assert (answer[ICMP].type, answer[ICMP].code) == (3, 3)
        assert len(end.frame) <= 14 + 576
    else:
        assert (answer[IPv6].src, answer[IPv6].dst, answer[IPv6].hlim) == (VIP6, "2001:db8::1", 64)
        assert (answer[ICMPv6DestUnreach].type, answer[ICMPv6DestUnreach].code) == (1, 4)
        assert len(end.frame) <= 14 + 1280


@FAMILIES
def test_a_datagram_is_told_too(plane: PlaneUnderTest, ends: tuple[str, str]) -> None:
    plane.apply(nobody(ends))
    frame = udp(ends[0], ends[1].replace(":80", ":53"))
    end = plane.send(frame)
    read(end, frame)
    assert end.reason == "unreachable"


@FAMILIES
def test_a_service_may_keep_silent(plane: PlaneUnderTest, ends: tuple[str, str]) -> None:
    plane.apply(nobody(ends, OnNoReal.DROP))
    frame = tcp(*ends, "S")
    assert plane.send(frame) == End(Verdict.DROP, "no_real", frame)


@FAMILIES
def test_a_second_has_so_many_and_no_more(plane: PlaneUnderTest, ends: tuple[str, str]) -> None:
    plane.apply(nobody(ends, rate=2))
    reasons = []
    for second in (1000, 1001):
        plane.at(second)
        reasons += [plane.send(tcp(*ends, "S")).reason for _ in range(4)]
    assert reasons == ["unreachable", "unreachable", "no_real", "no_real"] * 2


@pytest.mark.parametrize("source", ["0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"])
def test_a_source_that_is_no_host_is_told_nothing(plane: PlaneUnderTest, source: str) -> None:
    plane.apply(nobody(FOUR))
    assert plane.send(tcp(f"{source}:1025", FOUR[1], "S")).reason == "no_real"


@pytest.mark.parametrize("source", ["::", "::1", "ff02::1"])
def test_nor_one_of_ipv6(plane: PlaneUnderTest, source: str) -> None:
    plane.apply(nobody(SIX))
    assert plane.send(tcp(f"[{source}]:1025", SIX[1], "S")).reason == "no_real"


@FAMILIES
@pytest.mark.parametrize("mtu", [1400, 8000])
def test_a_packet_larger_than_the_way_is_told_the_mtu(plane: PlaneUnderTest, ends: tuple[str, str], mtu: int) -> None:
    head = 60 if ends is SIX else 40
    plane.apply(narrow(ends, mtu))
    assert plane.send(tcp(*ends, "S")).reason == "forwarded"
    assert plane.send(tcp(*ends, "A", bytes(mtu - head))).reason == "forwarded"
    frame = tcp(*ends, "A", bytes(mtu + 1 - head))
    end = plane.send(frame)
    answer = read(end, frame)
    assert end.reason == "too_big_told"
    if ends is FOUR:
        assert (answer[ICMP].type, answer[ICMP].code, answer[ICMP].nexthopmtu) == (3, 4, mtu)
    else:
        assert (answer[ICMPv6PacketTooBig].code, answer[ICMPv6PacketTooBig].mtu) == (0, mtu)


def test_one_that_may_be_fragmented_is_told_too(plane: PlaneUnderTest) -> None:
    plane.apply(narrow(FOUR, 1400))
    assert plane.send(udp("10.0.0.1:1025", f"{VIP}:53", bytes(1400))).reason == "forwarded", "another service"
    end = plane.send(tcp(*FOUR, "S", bytes(1400), fragment=0))
    assert end.reason == "too_big_told"


@FAMILIES
def test_a_flow_that_begins_with_one_is_counted_as_new(plane: PlaneUnderTest, ends: tuple[str, str]) -> None:
    """It is remembered, so that what is sent smaller is of the same flow."""
    plane.apply(narrow(ends, 1300))
    assert plane.send(tcp(*ends, "S", bytes(1400))).reason == "too_big_told"
    counted = [(real.new_flows, real.active, real.counter.packets) for real in plane.read().reals if real.active]
    assert counted == [(1, 1, 0)]
    assert plane.send(tcp(*ends, "S")).reason == "forwarded"
    assert sum(real.new_flows for real in plane.read().reals) == 1


@FAMILIES
def test_later_pieces_are_dropped_in_silence(plane: PlaneUnderTest, ends: tuple[str, str]) -> None:
    plane.apply(narrow(ends, 1300))
    first, later, *_ = pieces(tcp(*ends, "S", bytes(3000)), 1240)
    large = pieces(tcp(*ends, "S", bytes(4000)), 1400)[1]
    assert [plane.send(frame).reason for frame in (first, later, large)] == ["forwarded", "fragment", "too_big"]


def test_an_icmp_error_is_answered_with_none(plane: PlaneUnderTest) -> None:
    plane.apply(narrow(FOUR, 100))
    assert plane.send(tcp(*FOUR, "S")).reason == "forwarded"
    inner = ip4(VIP, "10.0.0.1", 6, b"\0\x50\x04\x01" + bytes(100))
    assert plane.send(icmp("172.16.0.1", VIP, 3, 4, data=inner)).reason == "too_big"


def test_who_has_room_is_not_asked(plane: PlaneUnderTest) -> None:
    plane.apply(plans.plan())
    frame = tcp(*FOUR, "S", bytes(3000))
    assert plane.send(frame).frame == remac(frame, plans.mac(REALS[2]))
