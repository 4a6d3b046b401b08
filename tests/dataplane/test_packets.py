"""The packet suite: a record each, in words, packet in, verdict, packet out; the same for every data plane.

    director 02:..:01 ── VIP 192.168.76.24 ── service "web" tcp/80 tcp/443, rr over .31 .32 .33 (MACs 02:..:01:1f ...)
                                           └─ service "dns" udp/53, the same real servers

rr visits the server added last first: .33, .32, .31.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address

import pytest

from carom.core.plan import Plan
from carom.dataplane.fake.packet import checksum
from carom.dataplane.fake.walk import Verdict
from carom.model import Ports, Protocol, Scheduler, SchedulerFlag
from tests.dataplane import plans
from tests.dataplane.frames import (
    BROADCAST,
    DIRECTOR,
    PEER,
    ROUTER,
    STRANGER,
    arp,
    ethernet,
    icmp,
    icmp6,
    ip4,
    ip6,
    remac,
    sctp,
    sent_by,
    solicitation,
    tagged,
    tcp,
    tcp_segment,
    udp,
)
from tests.dataplane.planes import PlaneUnderTest
from tests.dataplane.plans import OTHER_VIP, REALS, VIP, VIP6, mac

CLIENT = "10.0.0.1:1025"
WEB, DNS = f"{VIP}:80", f"{VIP}:53"
CLIENT6, WEB6 = "[2001:db8::1]:1025", f"[{VIP6}]:80"
DNS6 = f"[{VIP6}]:53"
FIRST, SECOND, THIRD = (mac(address) for address in reversed(REALS))
"""The real servers in rr's order."""


@dataclass(frozen=True)
class Record:
    words: str
    frame: bytes
    verdict: Verdict
    reason: str
    to: bytes | None = None
    """The MAC it leaves for, with nothing else changed; None: it leaves as it came, or as `out` says."""
    out: bytes | None = None
    before: tuple[bytes, ...] = ()
    """Frames sent first."""
    plan: Plan | None = None
    """None: the plan drawn above."""


def passes(words: str, frame: bytes, reason: str, **more: object) -> Record:
    return Record(words, frame, Verdict.PASS, reason, **more)  # type: ignore[arg-type]


def drops(words: str, frame: bytes, reason: str, **more: object) -> Record:
    return Record(words, frame, Verdict.DROP, reason, **more)  # type: ignore[arg-type]


def sends(words: str, frame: bytes, to: bytes, reason: str = "forwarded", **more: object) -> Record:
    return Record(words, frame, Verdict.TX, reason, to, **more)  # type: ignore[arg-type]


def quoting(kind: int, code: int = 0, *, source: str = VIP, port: int = 80, data: bytes | None = None) -> bytes:
    """An ICMP error from a router on the way about a segment that a real server sent to the client."""
    inner = ip4(source, "10.0.0.1", 6, struct.pack("!HHI", port, 1025, 7), total=1500)
    return icmp("172.16.0.1", VIP, kind, code, data=inner if data is None else data)


def echo_reply(request: bytes) -> bytes:
    head = bytearray(request[14:34])
    head[8:12] = struct.pack("!BBH", 64, 1, 0)
    head[12:20] = head[16:20] + head[12:16]
    head[10:12] = struct.pack("!H", checksum(bytes(head)))
    body = bytearray(request[34:])
    body[0:4] = bytes(4)
    body[2:4] = struct.pack("!H", checksum(bytes(body)))
    return request[6:12] + DIRECTOR + request[12:14] + bytes(head + body)


def arp_reply(asked: str, asker: str, to: bytes = ROUTER) -> bytes:
    body = struct.pack(
        "!H6s4s6s4s", 2, DIRECTOR, IPv4Address(asked).packed, to, IPv4Address(asker).packed
    )  # RFC 826: the fields change places
    return ethernet(bytes.fromhex("000108000604") + body, 0x0806, to, DIRECTOR)


def quoting6(
    kind: int, *, source: str = VIP6, port: int = 80, cut: int = 56, extensions: tuple[tuple[int, bytes], ...] = ()
) -> bytes:
    """An ICMPv6 error about a segment that a real server sent to the client."""
    inner = ip6(source, "2001:db8::1", 6, struct.pack("!HHI", port, 1025, 7), length=1440, extensions=extensions)
    return icmp6("2001:db8::fe", VIP6, kind, bytes(4) + inner[:cut])


def advertisement(asker: str, asked: str) -> bytes:
    """RFC 4861 section 4.4: solicited, overriding, with the target's link-layer address."""
    body = b"\x60\0\0\0" + IPv6Address(asked).packed + b"\x02\x01" + DIRECTOR
    return icmp6(asked, asker, 136, body, mac=ROUTER, hops=255, source_mac=DIRECTOR)


def to_all(asked: str) -> bytes:
    """RFC 4861 section 7.2.4: the answer to one without an address; not solicited."""
    body = b"\x20\0\0\0" + IPv6Address(asked).packed + b"\x02\x01" + DIRECTOR
    return icmp6(asked, "ff02::1", 136, body, mac=b"\x33\x33\0\0\0\1", hops=255, source_mac=DIRECTOR)


SYN = tcp(CLIENT, WEB, "S")
SIX = plans.plan(plans.service(vip=VIP6), plans.service(name="dns", vip=VIP6, ports=(plans.DNS,)))
QUIESCED = plans.plan(plans.service(Scheduler.RR, *(plans.real(address, 0) for address in REALS)))
DOWN = plans.plan(plans.service(Scheduler.RR, *(plans.real(address, up=False) for address in REALS)))
UNRESOLVED = plans.plan(plans.service(Scheduler.RR, *(plans.real(address, known=False) for address in REALS)))
NOBODY = plans.plan(plans.changed(plans.service(), REALS[0], weight=0))
BACKUP = plans.plan(answering=False)
HASHED = plans.plan(plans.service(Scheduler.MH))

RANGED = plans.plan(plans.service(ports=(Ports(Protocol.TCP, 1000, 1999),)))
EVERY = plans.plan(plans.service(ports=(Ports(Protocol.TCP, 0, 65535),)))
EXACT = plans.plan(
    plans.service(Scheduler.RR, plans.real(REALS[2]), name="all", ports=(Ports(Protocol.TCP, 0, 65535),)),
    plans.service(Scheduler.RR, plans.real(REALS[1]), name="some", ports=(Ports(Protocol.TCP, 1000, 1999),)),
    plans.service(Scheduler.RR, plans.real(REALS[0]), name="one", ports=(Ports(Protocol.TCP, 1500, 1500),)),
)
LIMITED = plans.plan(plans.changed(plans.service(), REALS[2], upper=1))
FULL = plans.plan(plans.service(Scheduler.RR, *(replace(plans.real(address), upper=1) for address in REALS)))
PEERED = replace(plans.plan(), peers=frozenset({PEER}))
PEERED6 = replace(SIX, peers=frozenset({PEER, STRANGER}))
MINE = plans.plan(plans.service(Scheduler.RR, plans.real(REALS[0]), plans.own(REALS[1]), name="web"))
MINE_ALONE = plans.plan(plans.service(Scheduler.MH, plans.own(REALS[1])))
SIGNALS = f"{VIP}:2905"
SCTP = plans.plan(plans.service(ports=(plans.SIGNALS, plans.HTTP)))
SCTP6 = plans.plan(plans.service(vip=VIP6, ports=(plans.SIGNALS,)))
SCTP_ALONE = plans.plan(plans.service(Scheduler.RR, plans.real(REALS[0]), ports=(plans.SIGNALS,)))
INIT = sctp(CLIENT, SIGNALS, "init")
SEGMENTS = plans.plan(
    plans.service(
        Scheduler.RR,
        replace(plans.real(REALS[0]), vlan=20),
        plans.real(REALS[1]),
        replace(plans.real(REALS[2]), vlan=0),
    )
)
"""rr's first is on the untagged segment, its second where the client's packets come from, its third on VLAN 20."""
TWO_SYNS = (tcp("10.0.0.2:1", WEB, "S"), tcp("10.0.0.3:1", WEB, "S"))
ONE_PACKET = plans.plan(replace(plans.service(ports=(plans.DNS,)), one_packet=True))
SORRY = plans.plan(replace(plans.service(), sorry=plans.real(plans.SORRY)))

STICKY = plans.plan(replace(plans.service(), persistence=300))
STICKY_24 = plans.plan(replace(plans.service(), persistence=300, persistence_mask=24))

MH_PORT, SH_PORT = (
    plans.plan(replace(plans.service(scheduler), scheduler_flags=frozenset({flag})))
    for scheduler, flag in ((Scheduler.MH, SchedulerFlag.MH_PORT), (Scheduler.SH, SchedulerFlag.SH_PORT))
)
SH, DH = plans.plan(plans.service(Scheduler.SH)), plans.plan(plans.service(Scheduler.DH))
_sh_quiesced = plans.changed(plans.service(Scheduler.SH), REALS[2], weight=0)
SH_QUIESCED = plans.plan(_sh_quiesced)
SH_FALLBACK = plans.plan(replace(_sh_quiesced, scheduler_flags=frozenset({SchedulerFlag.SH_FALLBACK})))
SIX_BACKUP = plans.plan(plans.service(vip=VIP6), answering=False)


def _labelled(frame: bytes) -> bytes:
    """The frame with a traffic class and a flow label of its own."""
    return frame[:14] + b"\x6b\x8a\xbc\xde" + frame[18:]


RECORDS = [
    # ---- a flow's life
    sends("a SYN begins a flow", SYN, FIRST),
    sends("the same SYN again has the same real server", SYN, FIRST, before=(SYN,)),
    sends("the next client has the next real server", tcp("10.0.0.2:1025", WEB, "S"), SECOND, before=(SYN,)),
    sends("the same client's next port is a flow of its own", tcp("10.0.0.1:1026", WEB, "S"), SECOND, before=(SYN,)),
    sends("so is the same port to the group's other port", tcp(CLIENT, f"{VIP}:443", "S"), SECOND, before=(SYN,)),
    sends("an ACK follows its SYN", tcp(CLIENT, WEB, "A"), FIRST, before=(SYN,)),
    sends("data follows its SYN", tcp(CLIENT, WEB, "PA", b"GET /"), FIRST, before=(SYN, tcp("10.0.0.9:9", WEB, "S"))),
    sends("a FIN follows its flow", tcp(CLIENT, WEB, "FA"), FIRST, before=(SYN,)),
    sends("a RST follows its flow", tcp(CLIENT, WEB, "R"), FIRST, before=(SYN,)),
    sends("urgent data is data", tcp(CLIENT, WEB, "UPA", b"!"), FIRST, before=(SYN,)),
    sends("SYN and ACK together count as SYN", tcp(CLIENT, WEB, "SA"), FIRST),
    sends("RST and FIN together count as RST", tcp(CLIENT, WEB, "RFA"), FIRST, before=(SYN,)),
    sends(
        "a SYN after FIN_WAIT has the same real server, as in IPVS",
        SYN,
        FIRST,
        before=(SYN, tcp(CLIENT, WEB, "A"), tcp(CLIENT, WEB, "FA")),
    ),
    sends(
        "a SYN after TIME_WAIT is a new connection on an old port", SYN, SECOND, before=(SYN, tcp(CLIENT, WEB, "FA"))
    ),
    sends(
        "a SYN after a RST is a new connection too",
        SYN,
        SECOND,
        before=(SYN, tcp(CLIENT, WEB, "A"), tcp(CLIENT, WEB, "R")),
    ),
    sends("a SYN after a RST to a SYN, which IPVS does not believe", SYN, FIRST, before=(SYN, tcp(CLIENT, WEB, "R"))),
    sends("port 0 is a port", tcp("10.0.0.1:0", WEB, "S"), FIRST),
    # ---- strays
    *(
        sends(
            f"a {name} of no flow goes by consistent hash and begins none",
            tcp(CLIENT, WEB, flags),
            FIRST,
            "stray",
            plan=plans.plan(plans.service(Scheduler.RR, plans.real(REALS[2]))),
        )
        for name, flags in (("ACK", "A"), ("FIN", "FA"), ("RST", "R"))
    ),
    sends("after a stray ACK the SYN still begins the flow", SYN, FIRST, before=(tcp(CLIENT, WEB, "A"),)),
    # ---- UDP
    sends("a datagram begins a flow", udp(CLIENT, DNS), FIRST),
    sends("the next datagram of the flow is a hit", udp(CLIENT, DNS), FIRST, before=(udp(CLIENT, DNS),)),
    sends("another client's datagram goes elsewhere", udp("10.0.0.2:5", DNS), SECOND, before=(udp(CLIENT, DNS),)),
    sends("a datagram without data", udp(CLIENT, DNS, b""), FIRST),
    sends("UDP and TCP of one client do not meet", udp(CLIENT, DNS), FIRST, before=(SYN,)),
    # ---- nothing above Ethernet changes
    sends("the TTL stays", tcp(CLIENT, WEB, "S", ttl=7), FIRST),
    sends("a TTL of 1 stays too: no router was passed", tcp(CLIENT, WEB, "S", ttl=1), FIRST),
    sends("ToS and ECN stay", tcp(CLIENT, WEB, "S", tos=0xB9), FIRST),
    sends("padding behind the datagram stays", tcp(CLIENT, WEB, "S", padding=6), FIRST),
    sends("IP options stay", tcp(CLIENT, WEB, "S", options=bytes(4)), FIRST),
    sends("forty bytes of IP options", tcp(CLIENT, WEB, "S", options=bytes(40)), FIRST),
    sends("TCP options stay", tcp(CLIENT, WEB, "S", bytes(40), offset=15), FIRST),
    sends("a full-sized segment", tcp(CLIENT, WEB, "A", bytes(1460)), FIRST, before=(SYN,)),
    # ---- frames that a driver puts into several buffers
    sends("a jumbo frame", tcp(CLIENT, WEB, "A", bytes(8960)), FIRST, before=(SYN,)),
    sends("a jumbo frame with a tag", tagged(tcp(CLIENT, WEB, "S", bytes(8960)), 7), FIRST),
    sends("the largest datagram", udp(CLIENT, DNS, bytes(65507)), FIRST),
    sends("a jumbo frame of IPv6", tcp(CLIENT6, WEB6, "S", bytes(8940)), FIRST, plan=SIX),
    drops("a jumbo frame a byte shorter than it claims", tcp(CLIENT, WEB, "A", bytes(8960))[:-1], "malformed"),
    drops(
        "a jumbo frame of IPv6 a byte shorter than it claims",
        tcp(CLIENT6, WEB6, "S", bytes(8940))[:-1],
        "malformed",
        plan=SIX,
    ),
    sends("a wrong header checksum is the real server's to find", _wrong := SYN[:24] + b"\0\0" + SYN[26:], FIRST),
    # ---- hash schedulers
    sends("mh needs no SYN to know", tcp("10.0.0.7:1", WEB, "A"), mac(REALS[2]), plan=HASHED),
    sends("mh gives a client of many ports one real server", tcp("10.0.0.7:2", WEB, "S"), mac(REALS[2]), plan=HASHED),
    # ---- ports
    *(
        sends(f"port {port} of a range", tcp(CLIENT, f"{VIP}:{port}", "S"), FIRST, plan=RANGED)
        for port in (1000, 1500, 1999)
    ),
    *(
        passes(f"port {port} beside the range", tcp(CLIENT, f"{VIP}:{port}", "S"), "no_service", plan=RANGED)
        for port in (0, 999, 2000, 65535)
    ),
    *(
        sends(f"port {port} of a service of all", tcp(CLIENT, f"{VIP}:{port}", "S"), FIRST, plan=EVERY)
        for port in (0, 1, 22, 65535)
    ),
    sends("an exact port comes before a range", tcp(CLIENT, f"{VIP}:1500", "S"), mac(REALS[0]), plan=EXACT),
    sends("a range comes before all ports", tcp(CLIENT, f"{VIP}:1501", "S"), mac(REALS[1]), plan=EXACT),
    sends("all ports take the rest", tcp(CLIENT, f"{VIP}:2", "S"), mac(REALS[2]), plan=EXACT),
    passes("all TCP ports are no UDP ports", udp(CLIENT, f"{VIP}:2"), "no_service", plan=EXACT),
    # ---- counting schedulers
    *(
        sends(
            f"{scheduler}: nobody has a flow, so the first in the list",
            SYN,
            to,
            plan=plans.plan(plans.service(scheduler)),
        )
        for scheduler, to in (
            (Scheduler.LC, FIRST),
            (Scheduler.WLC, FIRST),
            (Scheduler.SED, FIRST),
            (Scheduler.NQ, FIRST),
            (Scheduler.FO, FIRST),
            (Scheduler.OVF, FIRST),
            (Scheduler.LBLC, FIRST),
            (Scheduler.LBLCR, FIRST),
        )
    ),
    *(
        sends(
            f"{scheduler}: the first has one, so the second",
            tcp("10.0.0.2:1", WEB, "S"),
            SECOND,
            before=(SYN,),
            plan=plans.plan(plans.service(scheduler)),
        )
        for scheduler in (Scheduler.LC, Scheduler.WLC, Scheduler.SED, Scheduler.NQ)
    ),
    *(
        sends(
            f"{scheduler}: the VIP stays at home",
            tcp("10.0.0.2:1", WEB, "S"),
            FIRST,
            before=(SYN,),
            plan=plans.plan(plans.service(scheduler)),
        )
        for scheduler in (Scheduler.FO, Scheduler.LBLC, Scheduler.LBLCR)
    ),
    # ---- thresholds
    sends(
        "at its upper threshold a real server is passed over",
        tcp("10.0.0.4:1", WEB, "S"),
        SECOND,
        plan=LIMITED,
        before=(SYN, tcp("10.0.0.2:1", WEB, "S"), tcp("10.0.0.3:1", WEB, "S")),
    ),
    drops(
        "all at their upper thresholds",
        tcp("10.0.0.9:1", WEB, "S"),
        "no_real",
        plan=FULL,
        before=tuple(tcp(f"10.0.0.{n}:1", WEB, "S") for n in range(1, 4)),
    ),
    sends(
        "a flow of one at its threshold lives on",
        tcp("10.0.0.1:1", WEB, "A"),
        FIRST,
        plan=FULL,
        before=tuple(tcp(f"10.0.0.{n}:1", WEB, "S") for n in range(1, 4)),
    ),
    # ---- persistence
    sends(
        "a persistent client's next port has its first one's real server",
        tcp("10.0.0.1:1026", WEB, "S"),
        FIRST,
        before=(SYN, tcp("10.0.0.2:1", WEB, "S")),
        plan=STICKY,
    ),
    sends(
        "and so has the group's other port",
        tcp("10.0.0.1:9", f"{VIP}:443", "S"),
        FIRST,
        before=(SYN, tcp("10.0.0.2:1", WEB, "S")),
        plan=STICKY,
    ),
    sends(
        "another client in the mask is the same client",
        tcp("10.0.0.200:1", WEB, "S"),
        FIRST,
        before=(SYN, tcp("10.0.1.2:1", WEB, "S")),
        plan=STICKY_24,
    ),
    sends("a client outside the mask is not", tcp("10.0.1.1:1", WEB, "S"), SECOND, before=(SYN,), plan=STICKY_24),
    # ---- one packet, sorry
    sends(
        "one-packet scheduling: the next datagram of a flow goes elsewhere",
        udp(CLIENT, DNS),
        SECOND,
        before=(udp(CLIENT, DNS),),
        plan=ONE_PACKET,
    ),
    sends("the sorry server takes new connections", SYN, mac(plans.SORRY), plan=SORRY),
    # ---- not ours
    passes("another station's frame", tcp(CLIENT, WEB, "S", mac=STRANGER), "not_ours"),
    passes("IP by broadcast", tcp(CLIENT, WEB, "S", mac=BROADCAST), "not_ours"),
    passes("IP by multicast", tcp(CLIENT, WEB, "S", mac=bytes.fromhex("01005e000001")), "not_ours"),
    passes("to the director's own address", tcp(CLIENT, "192.168.76.20:22", "S"), "not_vip"),
    passes("a frame too short for Ethernet's payload", DIRECTOR + ROUTER + b"\x08\x00", "not_vip"),
    passes("IP cut off in its header", SYN[:33], "not_vip"),
    passes("IPv6 to the director's own address", tcp(CLIENT6, "[2001:db8:76::20]:80", "S"), "not_vip", plan=SIX),
    passes("IPv6 cut off in its header", tcp(CLIENT6, WEB6, "S")[:53], "not_vip", plan=SIX),
    passes("LLC: a length in the type's place", ethernet(b"\xaa\xaa\x03" + bytes(40), 43), "not_ip"),
    passes("LLDP", ethernet(bytes(46), 0x88CC), "not_ip"),
    passes(
        "VRRP to its group",
        ethernet(ip4("192.168.76.2", "224.0.0.18", 112, bytes(20)), target=bytes.fromhex("01005e000012")),
        "not_ours",
    ),
    # ---- the VIP, but no service of it
    passes("a port without a service", tcp(CLIENT, f"{VIP}:81", "S"), "no_service"),
    passes("the port below", tcp(CLIENT, f"{VIP}:79", "S"), "no_service"),
    passes("TCP to the UDP service's port", tcp(CLIENT, DNS, "S"), "no_service"),
    passes("UDP to the TCP service's port", udp(CLIENT, WEB), "no_service"),
    passes("GRE to the VIP", ethernet(ip4("10.0.0.1", VIP, 47, bytes(24))), "no_service"),
    passes("IP in IP to the VIP", ethernet(ip4("10.0.0.1", VIP, 4, SYN[14:])), "no_service"),
    passes("an ICMP timestamp request", icmp("10.0.0.1", VIP, 13, data=bytes(12)), "no_service"),
    passes("an ICMP redirect", icmp("10.0.0.1", VIP, 5, data=bytes(28)), "no_service"),
    # ---- peers, and the director as a real server
    passes("a peer's SYN to a VIP is balanced already", sent_by(PEER, SYN), "from_peer", plan=PEERED),
    passes("IPv6: so is a peer's", sent_by(PEER, tcp(CLIENT6, WEB6, "S")), "from_peer", plan=PEERED6),
    passes("each of two peers is known", sent_by(STRANGER, tcp(CLIENT6, WEB6, "S")), "from_peer", plan=PEERED6),
    passes(
        "a peer's datagram to no service of a VIP", sent_by(PEER, udp(CLIENT, f"{VIP}:81")), "from_peer", plan=PEERED
    ),
    passes("a peer's broken packet to a VIP", sent_by(PEER, tcp(CLIENT, WEB, "S", ihl=4)), "from_peer", plan=PEERED),
    passes(
        "a peer's packet to the director itself",
        sent_by(PEER, udp(CLIENT, "192.168.76.20:112")),
        "not_vip",
        plan=PEERED,
    ),
    passes("a peer's frame cut off in IPv4", sent_by(PEER, SYN)[:33], "not_vip", plan=PEERED),
    passes("a peer's frame cut off in IPv6", sent_by(PEER, tcp(CLIENT6, WEB6, "S"))[:53], "not_vip", plan=PEERED6),
    passes("a peer's frame that is no IP", ethernet(bytes(46), 0x88CC, source=PEER), "not_ip", plan=PEERED),
    passes(
        "a peer's frame to another station", sent_by(PEER, tcp(CLIENT, WEB, "S", mac=STRANGER)), "not_ours", plan=PEERED
    ),
    Record(
        "a peer that asks who has the VIP is answered",
        arp(1, "192.168.76.11", VIP, sender_mac=PEER),
        Verdict.TX,
        "arp_answered",
        out=arp_reply(VIP, "192.168.76.11", PEER),
        plan=PEERED,
    ),
    Record(
        "a peer that asks the director alone whether the IPv6 VIP is still there is answered",
        sent_by(PEER, solicitation("2001:db8:76::1", VIP6, to=DIRECTOR)),
        Verdict.TX,
        "nd_answered",
        out=PEER + advertisement("2001:db8:76::1", VIP6)[6:],
        plan=PEERED6,
    ),
    passes("a peer's ping of the IPv6 VIP", sent_by(PEER, icmp6("2001:db8::1", VIP6, 128)), "from_peer", plan=PEERED6),
    sends("others are balanced beside peers", SYN, FIRST, plan=PEERED),
    sends("without peers a director is anybody", sent_by(PEER, SYN), FIRST),
    passes("to a real server that is the director itself", SYN, "local", plan=MINE),
    sends(
        "and to the next, which is another host", SYN, mac(REALS[0]), before=(tcp("10.0.0.2:1", WEB, "S"),), plan=MINE
    ),
    passes("a flow of the director's own stays with it", tcp(CLIENT, WEB, "A"), "local", before=(SYN,), plan=MINE),
    passes("by hash to the director itself", SYN, "local", plan=MINE_ALONE),
    passes("an ICMP error about a flow of the director's own", quoting(3, 4), "local", before=(SYN,), plan=MINE),
    # ---- SCTP
    sends("an INIT begins an association", INIT, FIRST, plan=SCTP),
    sends("IPv6: an INIT", sctp(CLIENT6, f"[{VIP6}]:2905", "init"), FIRST, plan=SCTP6),
    sends("a cookie follows its INIT", sctp(CLIENT, SIGNALS, "cookie echo"), FIRST, before=(INIT,), plan=SCTP),
    sends("data follows its INIT", sctp(CLIENT, SIGNALS), FIRST, before=(INIT,), plan=SCTP),
    sends("so does a chunk that nobody knows", sctp(CLIENT, SIGNALS, 193), FIRST, before=(INIT,), plan=SCTP),
    sends(
        "the next association has the next real server",
        sctp("10.0.0.2:1", SIGNALS, "init"),
        SECOND,
        before=(INIT,),
        plan=SCTP,
    ),
    sends(
        "an INIT after an ABORT begins another association",
        INIT,
        SECOND,
        before=(INIT, sctp(CLIENT, SIGNALS, "abort")),
        plan=SCTP,
    ),
    sends("TCP of the same ports is another flow", tcp(CLIENT, WEB, "S"), SECOND, before=(INIT,), plan=SCTP),
    sends("data of no association is a stray", sctp(CLIENT, SIGNALS), mac(REALS[0]), "stray", plan=SCTP_ALONE),
    sends("a cookie of none, too", sctp(CLIENT, SIGNALS, "cookie echo"), mac(REALS[0]), "stray", plan=SCTP_ALONE),
    sends("an ABORT of none, too", sctp(CLIENT, SIGNALS, "abort"), mac(REALS[0]), "stray", plan=SCTP_ALONE),
    passes("SCTP to a port without a service", sctp(CLIENT, f"{VIP}:2906", "init"), "no_service", plan=SCTP),
    passes("SCTP where only TCP is served", sctp(CLIENT, WEB, "init"), "no_service"),
    drops("SCTP cut off in its header", sctp(CLIENT, SIGNALS, "init", cut=11), "malformed", plan=SCTP),
    drops("SCTP without a chunk", sctp(CLIENT, SIGNALS, "init", cut=12), "malformed", plan=SCTP),
    drops("SCTP with half a chunk's head", sctp(CLIENT, SIGNALS, "init", cut=15), "malformed", plan=SCTP),
    drops("a chunk shorter than its head", sctp(CLIENT, SIGNALS, "init", length=3), "malformed", plan=SCTP),
    sends("a chunk of nothing but its head", sctp(CLIENT, SIGNALS, "init", length=4, cut=16), FIRST, plan=SCTP),
    sends("a tagged INIT", tagged(INIT, 10), FIRST, plan=SCTP),
    # ---- VLANs
    sends("a tagged SYN keeps its tag", tagged(SYN, 10), FIRST),
    sends("IPv6: a tagged SYN", tagged(tcp(CLIENT6, WEB6, "S"), 10), FIRST, plan=SIX),
    sends("a priority tag (VLAN 0) stays", tagged(SYN, 0xA000), FIRST),
    sends("priority and drop eligibility stay", tagged(SYN, 0xF00A), FIRST),
    sends("a flow is the same with a tag and without", tagged(tcp(CLIENT, WEB, "A"), 10), FIRST, before=(SYN,)),
    passes("a tagged frame to another station", tagged(tcp(CLIENT, WEB, "S", mac=STRANGER), 10), "not_ours"),
    passes("a tagged frame to no VIP", tagged(udp(CLIENT, "192.168.76.20:53"), 10), "not_vip"),
    passes("a tagged frame that is no IP", tagged(ethernet(bytes(46), 0x88CC), 10), "not_ip"),
    drops("a tagged frame with headers that lie", tagged(tcp(CLIENT, WEB, "S", ihl=4), 10), "malformed"),
    passes("two tags", tagged(tagged(SYN, 10), 20), "tagged_twice"),
    passes("a service tag outside", tagged(tagged(SYN, 10), 20, 0x88A8), "tagged_twice"),
    passes("a service tag inside", tagged(tagged(SYN, 10, 0x88A8), 20), "tagged_twice"),
    passes("a service tag alone", tagged(SYN, 10, 0x88A8), "tagged_twice"),
    passes("half a tag", tagged(SYN, 10)[:17], "tagged_twice"),
    passes("a tag and nothing behind it", tagged(SYN, 10)[:18], "not_vip"),
    Record(
        "who has the VIP? asked on a VLAN",
        tagged(arp(1, "192.168.76.1", VIP), 10),
        Verdict.TX,
        "arp_answered",
        out=tagged(arp_reply(VIP, "192.168.76.1"), 10),
    ),
    Record(
        "the tag is taken off for an untagged segment",
        tagged(SYN, 10),
        Verdict.TX,
        "forwarded",
        out=remac(SYN, FIRST),
        plan=SEGMENTS,
    ),
    sends("nothing is to be taken off", SYN, FIRST, plan=SEGMENTS),
    sends("the tag stays for the segment it came from", tagged(SYN, 10), SECOND, plan=SEGMENTS, before=TWO_SYNS[:1]),
    sends("so does its absence", SYN, SECOND, plan=SEGMENTS, before=TWO_SYNS[:1]),
    Record(
        "a tag is put on for a segment of another VLAN",
        SYN,
        Verdict.TX,
        "forwarded",
        out=tagged(remac(SYN, THIRD), 20),
        plan=SEGMENTS,
        before=TWO_SYNS,
    ),
    Record(
        "or another written over it, and its priority stays",
        tagged(SYN, 0xA00A),
        Verdict.TX,
        "forwarded",
        out=tagged(remac(SYN, THIRD), 0xA014),
        plan=SEGMENTS,
        before=TWO_SYNS,
    ),
    # ---- what is no Ethernet II, and what is large
    passes("an LLC frame (IEEE 802.3 length)", ethernet(b"\x42\x42\x03" + bytes(43), 46), "not_ip"),
    passes("an LLC frame that carries IP by SNAP", ethernet(b"\xaa\xaa\x03\0\0\0\x08\0" + SYN[14:], 48), "not_ip"),
    # ---- fragments
    sends("a first fragment is balanced by its ports", tcp(CLIENT, WEB, "S", bytes(4), fragment=0x2000), FIRST),
    drops("a last fragment without a first", tcp(CLIENT, WEB, "S", fragment=0x0010), "fragment_lost"),
    passes(
        "a fragment with ports of no service", tcp(CLIENT, f"{VIP}:81", "S", bytes(4), fragment=0x2000), "no_service"
    ),
    sends("don't-fragment alone is no fragment", tcp(CLIENT, WEB, "S", fragment=0x4000), FIRST),
    sends("the reserved bit is no fragment (RFC 3514 notwithstanding)", tcp(CLIENT, WEB, "S", fragment=0x8000), FIRST),
    # ---- headers that lie
    drops("version 6 in an IPv4 frame", tcp(CLIENT, WEB, "S", version=6), "malformed"),
    *(drops(f"a header of {ihl} words", tcp(CLIENT, WEB, "S", ihl=ihl), "malformed") for ihl in (0, 1, 4)),
    drops("a header longer than the datagram", tcp(CLIENT, WEB, "S", ihl=15), "malformed"),
    drops("a total length beyond the frame", tcp(CLIENT, WEB, "S", total=41), "malformed"),
    drops("a total length below the header", tcp(CLIENT, WEB, "S", total=19), "malformed"),
    drops("a total length that ends within TCP", tcp(CLIENT, WEB, "S", total=39), "malformed"),
    drops("a total length of nothing", tcp(CLIENT, WEB, "S", total=0), "malformed"),
    *(drops(f"a TCP header of {n} words", tcp(CLIENT, WEB, "S", offset=n), "malformed") for n in (0, 4, 6, 15)),
    drops("TCP cut off", ethernet(ip4("10.0.0.1", VIP, 6, tcp_segment(1, 80, "S")[:19])), "malformed"),
    drops("TCP of no bytes", ethernet(ip4("10.0.0.1", VIP, 6, b"")), "malformed"),
    drops("UDP cut off", ethernet(ip4("10.0.0.1", VIP, 17, bytes(7))), "malformed"),
    drops("UDP shorter than its header", udp(CLIENT, DNS, length=7), "malformed"),
    drops("UDP longer than the datagram", udp(CLIENT, DNS, length=10), "malformed"),
    drops("ICMP cut off", ethernet(ip4("10.0.0.1", VIP, 1, bytes(7))), "malformed"),
    # ---- nobody to take it
    drops("all real servers quiesced", SYN, "no_real", plan=QUIESCED),
    drops("all real servers down", SYN, "no_real", plan=DOWN),
    drops("all real servers without a MAC", SYN, "no_real", plan=UNRESOLVED),
    drops("a stray while nobody is there", tcp(CLIENT, WEB, "A"), "no_real", plan=DOWN),
    drops(
        "mh with everybody down",
        SYN,
        "no_real",
        plan=plans.plan(plans.service(Scheduler.MH, plans.real(REALS[0], up=False))),
    ),
    sends(
        "a quiesced real server is passed over",
        tcp("10.0.0.3:1", WEB, "S"),
        FIRST,
        plan=NOBODY,
        before=(SYN, tcp("10.0.0.2:1", WEB, "S")),
    ),
    # ---- ICMP
    Record(
        "an echo request is answered",
        _ping := icmp("10.0.0.1", VIP, 8, rest=b"\x12\x34\0\1", data=b"carom?!"),
        Verdict.TX,
        "echo_answered",
        out=echo_reply(_ping),
    ),
    Record(
        "an echo request with a TTL of its own",
        _old := icmp("10.0.0.1", VIP, 8, data=b"long" * 350),
        Verdict.TX,
        "echo_answered",
        out=echo_reply(_old),
    ),
    Record(
        "an echo request on a VLAN",
        tagged(_ping, 0x600A),
        Verdict.TX,
        "echo_answered",
        out=tagged(echo_reply(_ping), 0x600A),
    ),
    *(
        drops(f"an echo request from {source}, which is no host", icmp(source, VIP, 8), "malformed")
        for source in ("0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255")
    ),
    passes("an echo request while backup", icmp("10.0.0.1", VIP, 8), "not_answering", plan=BACKUP),
    passes("an echo reply to a VIP is nobody's", icmp("10.0.0.1", VIP, 0), "no_service"),
    passes("an echo request to the director itself", icmp("10.0.0.1", "192.168.76.20", 8), "not_vip"),
    *(
        sends(
            f"ICMP {name} about a flow goes to its real server",
            quoting(kind, code),
            FIRST,
            "icmp_forwarded",
            before=(SYN,),
        )
        for name, kind, code in (
            ("fragmentation needed", 3, 4),
            ("host unreachable", 3, 1),
            ("source quench", 4, 0),
            ("time exceeded", 11, 0),
            ("parameter problem", 12, 0),
        )
    ),
    sends(
        "an ICMP error about no flow of mh finds its slot's real server",
        quoting(3, 4),
        mac(REALS[1]),
        "icmp_forwarded",
        plan=HASHED,
    ),
    drops("an ICMP error that quotes a packet of somebody else", quoting(3, 4, source="10.9.9.9"), "icmp_no_flow"),
    drops("an ICMP error about a port without a service", quoting(3, 4, port=81), "icmp_no_flow"),
    drops(
        "an ICMP error that quotes a later fragment",
        quoting(3, 4, data=ip4(VIP, "10.0.0.1", 6, bytes(8), fragment=0x0010)),
        "icmp_no_flow",
    ),
    drops("an ICMP error that quotes too little", quoting(3, 4, data=ip4(VIP, "10.0.0.1", 6, bytes(3))), "malformed"),
    drops("an ICMP error that quotes nothing", quoting(3, 4, data=b""), "malformed"),
    drops("an ICMP error that quotes IPv6", quoting(3, 4, data=b"\x60" + bytes(40)), "malformed"),
    sends(
        "an ICMP error that quotes IP options",
        quoting(3, 4, data=ip4(VIP, "10.0.0.1", 6, struct.pack("!HHI", 80, 1025, 7), options=bytes(8))),
        FIRST,
        "icmp_forwarded",
        before=(SYN,),
    ),
    # ---- IPv6
    sends("IPv6: a SYN begins a flow", tcp(CLIENT6, WEB6, "S"), FIRST, plan=SIX),
    sends("IPv6: an ACK follows its SYN", tcp(CLIENT6, WEB6, "A"), FIRST, before=(tcp(CLIENT6, WEB6, "S"),), plan=SIX),
    sends(
        "IPv6: the next client has the next real server",
        tcp("[2001:db8::2]:1025", WEB6, "S"),
        SECOND,
        before=(tcp(CLIENT6, WEB6, "S"),),
        plan=SIX,
    ),
    sends(
        "IPv6: a stray",
        tcp(CLIENT6, WEB6, "A"),
        mac(plans.REALS6[0]),
        "stray",
        plan=plans.plan(plans.service(Scheduler.RR, plans.real(plans.REALS6[0]), vip=VIP6)),
    ),
    sends("IPv6: a datagram", udp(CLIENT6, f"[{VIP6}]:53"), FIRST, plan=SIX),
    sends("IPv6: the hop limit stays", tcp(CLIENT6, WEB6, "S", hops=1), FIRST, plan=SIX),
    sends("IPv6: hop-by-hop options", tcp(CLIENT6, WEB6, "S", extensions=((0, bytes(7)),)), FIRST, plan=SIX),
    sends(
        "IPv6: three extension headers, one of 16 bytes",
        tcp(CLIENT6, WEB6, "S", extensions=((0, bytes(7)), (60, b"\x01" + bytes(14)), (43, bytes(7)))),
        FIRST,
        plan=SIX,
    ),
    sends("IPv6: an atomic fragment is whole", tcp(CLIENT6, WEB6, "S", extensions=((44, bytes(7)),)), FIRST, plan=SIX),
    sends(
        "IPv6: a first fragment is balanced by its ports",
        tcp(CLIENT6, WEB6, "S", bytes(4), extensions=((44, b"\0\0\1" + bytes(4)),)),
        FIRST,
        plan=SIX,
    ),
    drops(
        "IPv6: a later fragment without a first",
        tcp(CLIENT6, WEB6, "S", extensions=((44, b"\0\0\x10" + bytes(4)),)),
        "fragment_lost",
        plan=SIX,
    ),
    passes(
        "IPv6: more extension headers than are looked through",
        tcp(CLIENT6, WEB6, "S", extensions=((60, bytes(7)),) * 7),
        "no_service",
        plan=SIX,
    ),
    passes("IPv6: no next header", ethernet(ip6("2001:db8::1", VIP6, 59, b""), 0x86DD), "no_service", plan=SIX),
    passes("IPv6: a port without a service", tcp(CLIENT6, f"[{VIP6}]:81", "S"), "no_service", plan=SIX),
    drops("IPv6: version 4 in an IPv6 frame", tcp(CLIENT6, WEB6, "S", version=4), "malformed", plan=SIX),
    drops("IPv6: a length beyond the frame", tcp(CLIENT6, WEB6, "S", length=21), "malformed", plan=SIX),
    drops("IPv6: a length that ends within TCP", tcp(CLIENT6, WEB6, "S", length=19), "malformed", plan=SIX),
    drops(
        "IPv6: an extension header beyond the packet",
        tcp(CLIENT6, WEB6, "S", extensions=((60, b"\x09" + bytes(6)),)),
        "malformed",
        plan=SIX,
    ),
    Record(
        "IPv6: an echo request is answered",
        icmp6("2001:db8::1", VIP6, 128, b"\x12\x34\0\1carom?!?"),
        Verdict.TX,
        "echo_answered",
        plan=SIX,
        out=icmp6(VIP6, "2001:db8::1", 129, b"\x12\x34\0\1carom?!?", mac=ROUTER, source_mac=DIRECTOR),
    ),
    sends(
        "IPv6: packet too big goes to its flow's real server",
        quoting6(2),
        FIRST,
        "icmp_forwarded",
        plan=SIX,
        before=(tcp(CLIENT6, WEB6, "S"),),
    ),
    drops(
        "IPv6: an error that quotes somebody else's packet",
        quoting6(1, source="2001:db8::99"),
        "icmp_no_flow",
        plan=SIX,
    ),
    drops("IPv6: an error that quotes too little", quoting6(1, cut=43), "malformed", plan=SIX),
    sends(
        "IPv6: packet too big about a first fragment",
        quoting6(2, extensions=((44, b"\0\0\1\0\0\0\7"),)),
        FIRST,
        "icmp_forwarded",
        plan=SIX,
        before=(tcp(CLIENT6, WEB6, "S"),),
    ),
    drops(
        "IPv6: an error about a later fragment, which names no flow",
        quoting6(2, extensions=((44, b"\0\0\x09\0\0\0\7"),)),
        "icmp_no_flow",
        plan=SIX,
    ),
    drops(
        "IPv6: an error that quotes a fragment without ports",
        quoting6(2, cut=51, extensions=((44, b"\0\0\1\0\0\0\7"),)),
        "malformed",
        plan=SIX,
    ),
    Record(
        "who has the IPv6 VIP?",
        solicitation("2001:db8:76::1", VIP6),
        Verdict.TX,
        "nd_answered",
        plan=SIX,
        out=advertisement("2001:db8:76::1", VIP6),
    ),
    Record(
        "is the IPv6 VIP still there? asked of the director alone",
        solicitation("2001:db8:76::1", VIP6, to=DIRECTOR),
        Verdict.TX,
        "nd_answered",
        plan=SIX,
        out=advertisement("2001:db8:76::1", VIP6),
    ),
    *(
        Record(
            f"is the IPv6 VIP free? (RFC 4862) {words}",
            solicitation("::", VIP6, option=option),
            Verdict.TX,
            "nd_answered",
            plan=SIX,
            out=to_all(VIP6),
        )
        for words, option in (("", b""), ("with a nonce (RFC 7527)", b"\x0e\x01nonce!"))
    ),
    Record(
        "who has the IPv6 VIP? asked without an option",
        solicitation("2001:db8:76::1", VIP6, to=DIRECTOR, option=b""),
        Verdict.TX,
        "nd_answered",
        plan=SIX,
        out=advertisement("2001:db8:76::1", VIP6),
    ),
    passes(
        "is the IPv6 VIP free? while backup",
        solicitation("::", VIP6, option=b""),
        "not_answering",
        plan=plans.plan(plans.service(vip=VIP6), answering=False),
    ),
    passes("is another IPv6 address free?", solicitation("::", "2001:db8:76::20", option=b""), "not_ours", plan=SIX),
    passes(
        "a solicitation with two options",
        solicitation("2001:db8:76::1", VIP6, option=b"\x0e\x01nonce!\x01\x01" + ROUTER),
        "not_ours",
        plan=SIX,
    ),
    passes(
        "who has the IPv6 VIP? while backup",
        solicitation("2001:db8:76::1", VIP6),
        "not_answering",
        plan=plans.plan(plans.service(vip=VIP6), answering=False),
    ),
    passes("who has another IPv6 address?", solicitation("2001:db8:76::1", "2001:db8:76::20"), "not_ours", plan=SIX),
    passes(
        "a solicitation that a router passed on", solicitation("2001:db8:76::1", VIP6, hops=254), "not_ours", plan=SIX
    ),
    # ---- ARP
    Record(
        "who has the VIP?", arp(1, "192.168.76.1", VIP), Verdict.TX, "arp_answered", out=arp_reply(VIP, "192.168.76.1")
    ),
    Record(
        "who has the VIP? asked of the director alone",
        arp(1, "192.168.76.1", VIP, to=DIRECTOR),
        Verdict.TX,
        "arp_answered",
        out=arp_reply(VIP, "192.168.76.1"),
    ),
    Record(
        "an ARP probe (RFC 5227) for the VIP is answered",
        arp(1, "0.0.0.0", VIP),
        Verdict.TX,
        "arp_answered",
        out=arp_reply(VIP, "0.0.0.0"),
    ),
    passes("who has the VIP? while backup", arp(1, "192.168.76.1", VIP), "not_answering", plan=BACKUP),
    passes("who has another address?", arp(1, "192.168.76.1", "192.168.76.20"), "not_ip"),
    passes("who has a VIP that is no longer one?", arp(1, "192.168.76.1", OTHER_VIP), "not_ip"),
    passes("an ARP reply to the director", arp(2, "192.168.76.31", "192.168.76.20", to=DIRECTOR), "not_ip"),
    passes("an ARP request for another station alone", arp(1, "192.168.76.1", VIP, to=STRANGER), "not_ours"),
    passes("another station announces the VIP", arp(1, VIP, VIP, sender_mac=STRANGER), "arp_conflict"),
    passes("another station answers for the VIP", arp(2, VIP, "192.168.76.1", to=BROADCAST), "arp_conflict"),
    passes(
        "a real server asks in the VIP's name", arp(1, VIP, "192.168.76.1", sender_mac=mac(REALS[0])), "arp_conflict"
    ),
    passes("ARP cut off", arp(1, "192.168.76.1", VIP)[:41], "not_ip"),
    passes(
        "ARP for another kind of hardware", arp(1, "192.168.76.1", VIP, head=bytes.fromhex("000608000604")), "not_ip"
    ),
    # ---- schedulers' flags
    *(
        sends(f"{flag}: the client's port {port} takes part", tcp(f"10.0.0.7:{port}", WEB, "S"), mac(to), plan=plan)
        for flag, plan, port, to in (
            ("mh-port", MH_PORT, 2, REALS[2]),
            ("mh-port", MH_PORT, 3, REALS[1]),
            ("sh-port", SH_PORT, 1, REALS[0]),
            ("sh-port", SH_PORT, 2, REALS[2]),
            ("sh-port", SH_PORT, 3, REALS[1]),
        )
    ),
    sends("sh gives a client of many ports one real server", tcp("10.0.0.7:3", WEB, "S"), mac(REALS[2]), plan=SH),
    drops("sh: whose own bucket is quiesced gets nobody", tcp("10.0.0.7:1", WEB, "S"), "no_real", plan=SH_QUIESCED),
    sends("sh-fallback: it gets the next one", tcp("10.0.0.7:1", WEB, "S"), mac(REALS[1]), plan=SH_FALLBACK),
    sends("dh knows the VIP only", tcp("10.9.0.7:77", WEB, "S"), mac(REALS[0]), plan=DH),
    # ---- the edges of fields
    *(
        sends(f"a time to live of {ttl} is none of a switch's business", tcp(CLIENT, WEB, "S", ttl=ttl), FIRST)
        for ttl in (0, 1, 255)
    ),
    *(sends(f"IPv6: a hop limit of {hops}", tcp(CLIENT6, WEB6, "S", hops=hops), FIRST, plan=SIX) for hops in (0, 255)),
    sends("IPv6: traffic class and flow label stay", _labelled(tcp(CLIENT6, WEB6, "S")), FIRST, plan=SIX),
    *(sends(f"a header of {5 + n} words", tcp(CLIENT, WEB, "S", options=bytes(4 * n)), FIRST) for n in (2, 3, 5, 9)),
    *(sends(f"a TCP header of {n} words", tcp(CLIENT, WEB, "S", bytes(4 * n - 20), offset=n), FIRST) for n in (6, 10)),
    sends("a datagram shorter than its packet", udp(CLIENT, DNS, b"tail", length=9), FIRST),
    sends("a datagram from port 0", udp("10.0.0.1:0", DNS), FIRST),
    sends("a client with a VIP's own address", tcp(f"{VIP}:1025", WEB, "S"), FIRST),
    sends("a client on the real servers' own network", tcp("192.168.76.200:1025", WEB, "S"), FIRST),
    # ---- IPv6 beside what is said above of IPv4
    sends("IPv6: a FIN follows its flow", tcp(CLIENT6, WEB6, "FA"), FIRST, before=(tcp(CLIENT6, WEB6, "S"),), plan=SIX),
    sends("IPv6: a RST follows its flow", tcp(CLIENT6, WEB6, "R"), FIRST, before=(tcp(CLIENT6, WEB6, "S"),), plan=SIX),
    sends("IPv6: the next datagram is a hit", udp(CLIENT6, DNS6), FIRST, before=(udp(CLIENT6, DNS6),), plan=SIX),
    sends("IPv6: padding behind the packet stays", tcp(CLIENT6, WEB6, "S") + bytes(6), FIRST, plan=SIX),
    sends("IPv6: six extension headers", tcp(CLIENT6, WEB6, "S", extensions=((60, bytes(7)),) * 6), FIRST, plan=SIX),
    passes(
        "IPv6: a seventh extension header, which is not looked through",
        tcp(CLIENT6, WEB6, "S", extensions=((60, bytes(7)),) * 7),
        "no_service",
        plan=SIX,
    ),
    passes(
        "IPv6: a fragment header behind six others",
        tcp(CLIENT6, WEB6, "S", extensions=(*((60, bytes(7)),) * 6, (44, b"\0\0\1" + bytes(4)))),
        "no_service",
        plan=SIX,
    ),
    sends("IPv6: a routing header", tcp(CLIENT6, WEB6, "S", extensions=((43, bytes(7)),)), FIRST, plan=SIX),
    drops(
        "IPv6: more than a kilobyte of extension headers",
        tcp(CLIENT6, WEB6, "S", extensions=((60, bytes([127]) + bytes(1022)), (60, bytes(7)))),
        "malformed",
        plan=SIX,
    ),
    drops("IPv6: a length of nothing", tcp(CLIENT6, WEB6, "S", length=0), "malformed", plan=SIX),
    drops("IPv6: UDP longer than the packet", udp(CLIENT6, DNS6, length=10), "malformed", plan=SIX),
    *(
        drops(f"IPv6: an echo request from {source}, which is no host", icmp6(source, VIP6, 128), "malformed", plan=SIX)
        for source in ("::", "::1", "ff02::1")
    ),
    passes("IPv6: an echo request while backup", icmp6("2001:db8::1", VIP6, 128), "not_answering", plan=SIX_BACKUP),
    passes("IPv6: an echo reply to a VIP is nobody's", icmp6("2001:db8::1", VIP6, 129), "no_service", plan=SIX),
    *(
        sends(
            f"IPv6: {name} goes to its flow's real server",
            quoting6(kind),
            FIRST,
            "icmp_forwarded",
            plan=SIX,
            before=(tcp(CLIENT6, WEB6, "S"),),
        )
        for name, kind in (("unreachable", 1), ("time exceeded", 3), ("parameter problem", 4))
    ),
    drops("IPv6: an error about a port without a service", quoting6(2, port=81), "icmp_no_flow", plan=SIX),
    sends(
        "an ICMP error about a datagram's flow",
        quoting(3, 3, data=ip4(VIP, "10.0.0.1", 17, struct.pack("!HHHH", 53, 1025, 9, 0))),
        FIRST,
        "icmp_forwarded",
        before=(udp(CLIENT, DNS),),
    ),
    drops("an ICMP error that quotes a header of four words", quoting(3, 4, data=b"\x44" + bytes(40)), "malformed"),
    # ---- the host's own business
    *(
        passes(f"{name} to the director's own address", frame, "not_vip")
        for name, frame in (
            ("BGP", tcp("192.168.76.1:40000", "192.168.76.20:179", "S")),
            ("DNS", udp("192.168.76.1:40000", "192.168.76.20:53")),
            ("an IPIP tunnel", ethernet(ip4("10.0.0.1", "192.168.76.20", 4, SYN[14:]))),
            ("a fragment", tcp(CLIENT, "192.168.76.20:80", "S", fragment=0x2000)),
            ("a header that lies", tcp(CLIENT, "192.168.76.20:80", "S", total=19)),
        )
    ),
    *(
        passes(name, ethernet(bytes(46), ethertype, target=target), reason)
        for name, ethertype, target, reason in (
            ("spanning tree's group", 0x0026, bytes.fromhex("0180c2000000"), "not_ours"),
            ("PPPoE", 0x8864, DIRECTOR, "not_ip"),
            ("MPLS", 0x8847, DIRECTOR, "not_ip"),
            ("a pause frame", 0x8808, bytes.fromhex("0180c2000001"), "not_ours"),
        )
    ),
    passes("DHCP by broadcast", BROADCAST + udp("0.0.0.0:68", "255.255.255.255:67")[6:], "not_ours"),
    *(
        passes(
            f"IPv6: {name}", icmp6("fe80::1", "ff02::1", kind, mac=bytes.fromhex("333300000001")), "not_ours", plan=SIX
        )
        for name, kind in (("a router's advertisement", 134), ("a multicast listener query", 130))
    ),
    *(
        passes(f"{name} to the VIP", ethernet(ip4("10.0.0.1", VIP, number, bytes(40))), "no_service")
        for name, number in (("ESP", 50), ("AH", 51), ("OSPF", 89), ("VRRP", 112), ("IPv6 in IPv4", 41))
    ),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.words)
def test_a_packet(plane: PlaneUnderTest, record: Record) -> None:
    plane.apply(record.plan or plans.plan())
    for frame in record.before:
        plane.send(frame)

    end = plane.send(record.frame)

    expected = record.out or (remac(record.frame, record.to) if record.to else record.frame)
    assert (end.verdict, end.reason, end.frame) == (record.verdict, record.reason, expected)


@pytest.mark.parametrize(
    "record", [record for record in RECORDS if record.verdict is Verdict.TX], ids=lambda r: r.words
)
def test_what_is_sent_is_counted_once(plane: PlaneUnderTest, record: Record) -> None:
    plane.apply(record.plan or plans.plan())
    for frame in record.before:
        plane.send(frame)
    before = plane.read()

    plane.send(record.frame)

    sent = sum(real.counter.packets for real in plane.read().reals) - sum(real.counter.packets for real in before.reals)
    answered = record.reason in ("echo_answered", "arp_answered", "nd_answered")
    assert sent == (0 if answered else 1)


def test_a_frame_larger_than_usual_is_sent_on_as_any(plane: PlaneUnderTest) -> None:
    """As large as fits one buffer: whether the wire takes it is the wire's matter, unless an MTU is written."""
    plane.apply(plans.plan())
    plane.send(SYN)
    large = tcp(CLIENT, WEB, "A", bytes(3000))
    end = plane.send(large)
    assert (end.verdict, end.reason, end.frame) == (Verdict.TX, "forwarded", remac(large, FIRST))
