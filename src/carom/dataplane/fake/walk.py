"""One frame's walk through the fake director: from what arrives to what leaves, and why."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv6Address

from carom.core.slots import slot_number
from carom.dataplane.fake import fragments, icmp_made, packet
from carom.dataplane.fake.entrances import owner
from carom.dataplane.fake.flows import HALF_OPEN, OVER, Flow, state_after
from carom.dataplane.fake.packet import Arp, Ends, Ethernet, Ip4, Ip6, Malformed, Piece, Segment
from carom.dataplane.fake.plane import FakeDataPlane, Service, Slot
from carom.dataplane.fake.schedulers import Request
from carom.dataplane.fake.templates import Template, client_of
from carom.model import Address, OnDown, OnNoReal, Protocol

BROADCAST = b"\xff" * 6
MULTICAST6 = b"\x33\x33"
ALL_NODES, ALL_NODES_MAC = IPv6Address("ff02::1"), b"\x33\x33\0\0\0\1"
TRANSPORTS = {packet.TCP: packet.tcp, packet.UDP: packet.udp, packet.SCTP: packet.sctp}
"""How each is read, by its protocol number."""

OPENING = (Segment.SYN, Segment.SCTP_INIT)
"""What nothing but a new flow begins with."""
SHOWING = (
    *(*OPENING, Segment.FIN, Segment.ACK, Segment.DATAGRAM, Segment.SCTP_DATA, Segment.SCTP_INIT_ACK),
    *(Segment.SCTP_COOKIE_ECHO, Segment.SCTP_COOKIE_ACK, Segment.SCTP_SHUTDOWN),
)
"""By which a flow that is seen for the first time is worth an entry."""


class Verdict(StrEnum):
    TX = "tx"
    """Out of the NIC on which it came."""
    REDIRECT = "redirect"
    """Out of the inside NIC."""
    PASS = "pass"  # noqa: S105  a verdict, not a secret
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class End:
    """How a frame's walk ended."""

    verdict: Verdict
    reason: str
    """By its name in `bpf/reason.h`."""
    frame: bytes
    """As it left; as it came where it was not sent on."""


def walk(plane: FakeDataPlane, frame: bytes) -> End:
    """Walks one frame through the director, which remembers what it has to."""
    tag, untagged = packet.untagged(frame)
    one = Walk(plane, untagged)
    end = one.ethernet()
    if end.verdict in (Verdict.TX, Verdict.REDIRECT) and one.sent_to:
        tag = _segment_tag(plane.vlans[one.sent_to], tag)
    plane.reasons[end.reason] += 1
    return End(end.verdict, end.reason, packet.tagged(tag, end.frame))


def _segment_tag(vlan: int | None, tag: int | None) -> int | None:
    """With which tag a frame leaves for a real server: it keeps its priority."""
    if vlan is None:
        return tag
    return (tag or 0) & 0xF000 | vlan if vlan else None


class Walk:
    """One frame on its way."""

    def __init__(self, plane: FakeDataPlane, frame: bytes) -> None:
        self.plane, self.frame = plane, frame
        self.vips = plane.entrances.keys()
        self.sent_to: tuple[str, Address] | None = None
        """The service and real server that the frame was sent on to."""

    # ------------------------------------------------------------------------------- ways out

    def passes(self, reason: str) -> End:
        return End(Verdict.PASS, reason, self.frame)

    def drops(self, reason: str) -> End:
        return End(Verdict.DROP, reason, self.frame)

    def sends(self, reason: str, target: bytes, payload: bytes) -> End:
        return End(Verdict.TX, reason, target + self.plane.own_mac + self.frame[12:14] + payload)

    def to_real(self, service: str, real: Address, reason: str, is_new: bool = False) -> End:
        """The frame with its two MACs rewritten, and nothing else."""
        name = (service, real)
        if name in self.plane.local:
            self.count(name, is_new)
            return self.passes("local")
        if (mac := self.plane.macs.get(name)) is None:
            return self.drops("no_mac")
        mtu = min(filter(None, (self.plane.mtus.get(name, 0), self.plane.inside_mtu)), default=0)
        if mtu and len(self.frame) - 14 > mtu:
            self.plane.new_flows[name] += is_new
            return self.tells("too_big_told", "too_big", mtu)
        self.count(name, is_new)
        sender, verdict = self.plane.own_mac, Verdict.TX
        if self.plane.inside_mac:
            sender, verdict = self.plane.inside_mac, Verdict.REDIRECT
        return End(verdict, reason, mac + sender + self.frame[12:])

    def count(self, name: tuple[str, Address], is_new: bool) -> None:
        self.plane.sent[name] += 1
        self.plane.sent_bytes[name] += len(self.frame)
        self.plane.new_flows[name] += is_new
        self.sent_to = name

    def no_real(self, service: Service) -> End:
        """Nobody can take it: its client is told so, or it is dropped in silence."""
        if service.plan.on_no_real is OnNoReal.DROP:
            return self.drops("no_real")
        return self.tells("unreachable", "no_real", 0)

    def tells(self, told: str, silent: str, mtu: int) -> End:
        """An ICMP error goes back to whoever brought the frame, if one may be sent about it."""
        raw = self.frame[14:]
        allowed = self.plane.icmp_sent.ask(self.plane.now, self.plane.plan.defence.icmp_rate)
        ip = packet.ip6(raw) if raw[0] >> 4 == 6 else packet.ip4(raw)
        later_piece = bool(ip.piece and ip.piece.offset)
        if not allowed or later_piece or not icmp_made.may_be_told(ip):
            return self.drops(silent)
        return self.sends(told, self.frame[6:12], icmp_made.error(raw, mtu))

    # ------------------------------------------------------------------------------- headers

    def ethernet(self) -> End:
        eth = packet.ethernet(self.frame)
        if eth is None:
            return self.passes("not_ip")
        if eth.ethertype == packet.ETHERTYPE_ARP and eth.target in (self.plane.own_mac, BROADCAST):
            return self.arp(eth, packet.arp(eth.payload))
        if eth.ethertype == packet.ETHERTYPE_IP6 and eth.target[:2] == MULTICAST6:
            is_icmp = len(eth.payload) >= 40 and eth.payload[6] == packet.ICMP6
            end = self.neighbour(eth) if is_icmp else None
            return end if end and end.reason != "not_ip" else self.passes("not_ours")
        if eth.target != self.plane.own_mac:
            return self.passes("not_ours")
        if eth.source in self.plane.plan.peers and eth.ethertype != packet.ETHERTYPE_ARP:
            return self.from_peer(eth)
        if eth.ethertype == packet.ETHERTYPE_IP6:
            return self.ip6(eth)
        if eth.ethertype in packet.TAGS:
            return self.passes("tagged_twice")
        return self.ip4(eth) if eth.ethertype == packet.ETHERTYPE_IP4 else self.passes("not_ip")

    def from_peer(self, eth: Ethernet) -> End:
        """It has balanced already what it sends to a VIP."""
        if eth.ethertype == packet.ETHERTYPE_IP4:
            ends = packet.addresses(eth.payload)
            return self.passes("from_peer" if ends and ends[1] in self.vips else "not_vip")
        if eth.ethertype != packet.ETHERTYPE_IP6:
            return self.passes("not_ip")
        if packet.target6(eth.payload) not in self.vips:
            return self.passes("not_vip")
        end = self.neighbour(eth)
        return end if end.reason != "not_ip" else self.passes("from_peer")

    def arp(self, eth: Ethernet, arp: Arp | None) -> End:
        if arp is not None and arp.sender in self.vips:
            return self.passes("arp_conflict")
        if arp is None or arp.operation != 1 or arp.target not in self.vips:
            return self.passes("not_ip")
        if not self.plane.plan.answering:
            return self.passes("not_answering")
        reply = struct.pack("!H6s4s", 2, self.plane.own_mac, arp.target.packed) + arp.sender_mac + arp.sender.packed
        return self.sends("arp_answered", eth.source, eth.payload[:6] + reply + eth.payload[28:])

    def ip4(self, eth: Ethernet) -> End:
        ends = packet.addresses(eth.payload)
        if ends is None or ends[1] not in self.vips:
            return self.passes("not_vip")
        try:
            return self.to_vip(eth, packet.ip4(eth.payload, self.plane.plan.defence.checksum))
        except Malformed:
            return self.drops("malformed")

    def to_vip(self, eth: Ethernet, ip: Ip4 | Ip6) -> End:
        if ip.piece:
            return self.fragment(ip, ip.piece)
        if transport := TRANSPORTS.get(ip.protocol):
            return self.balance(*transport(ip))
        if isinstance(ip, Ip4) and ip.protocol == packet.ICMP:
            return self.icmp(eth, ip)
        if isinstance(ip, Ip6) and ip.protocol == packet.ICMP6:
            return self.icmp6(eth, ip)
        return self.passes("no_service")

    def ip6(self, eth: Ethernet) -> End:
        if packet.target6(eth.payload) not in self.vips:
            return self.passes("not_vip")
        try:
            return self.to_vip(eth, packet.ip6(eth.payload))
        except Malformed:
            return self.drops("malformed")

    # ------------------------------------------------------------------------------- fragments

    def fragment(self, ip: Ip4 | Ip6, piece: Piece) -> End:
        """The first piece is balanced as a whole packet is, and the others follow it."""
        fragments.sound(ip, piece)
        read = {packet.TCP: packet.tcp, packet.UDP: packet.udp, packet.SCTP: packet.sctp}.get(ip.protocol)
        if read is None:
            return self.passes("no_service")
        if piece.offset:
            return self.fragment_later(ip, piece)
        end = self.balance(*read(ip))
        if self.sent_to:
            self.plane.fragments.begin(fragments.name_of(ip, piece), *self.sent_to, self.plane.now)
        return end

    def fragment_later(self, ip: Ip4 | Ip6, piece: Piece) -> End:
        first = self.plane.fragments.follow(fragments.name_of(ip, piece), self.plane.now)
        return self.to_real(*first, "fragment") if first else self.drops("fragment_lost")

    # ------------------------------------------------------------------------------- ICMPv6

    def icmp6(self, eth: Ethernet, ip: Ip6) -> End:
        if len(ip.payload) < 8:
            raise Malformed
        kind = ip.payload[0]
        if kind == 128:
            self.from_host(ip)
            return self.echo6(eth, ip)
        if kind == 135:
            return self.neighbour(eth)
        if kind in (1, 2, 3, 4):
            return self.error(packet.quoted6(ip.payload, ip.target))
        return self.passes("no_service")

    @staticmethod
    def from_host(ip: Ip4 | Ip6) -> None:
        """An echo request that one host did not send is answered to nobody. Raises Malformed."""
        if not icmp_made.is_host(ip.source):
            raise Malformed

    def echo6(self, eth: Ethernet, ip: Ip6) -> End:
        """As for IPv4; the checksum covers the addresses, whose sum is the same when they change places."""
        if not self.plane.plan.answering:
            return self.passes("not_answering")
        head, body = bytearray(eth.payload), len(eth.payload) - len(ip.payload) - self.padding(eth)
        head[7], head[8:40] = 64, head[24:40] + head[8:24]
        head[body] = 129
        head[body + 2 : body + 4] = _checksum_after(bytes(head[body + 2 : body + 4]), b"\x80\0", b"\x81\0")
        return self.sends("echo_answered", eth.source, bytes(head))

    @staticmethod
    def padding(eth: Ethernet) -> int:
        """Bytes of the frame behind the IPv6 packet."""
        return len(eth.payload) - 40 - int.from_bytes(eth.payload[4:6])

    def neighbour(self, eth: Ethernet) -> End:
        """A solicitation, with one option of any kind or none (RFC 4861 section 4.3)."""
        ip = eth.payload
        asks = len(ip) >= 64 and (ip[6], ip[7], ip[40]) == (packet.ICMP6, 255, 135)
        length = int.from_bytes(ip[4:6])
        if not asks or IPv6Address(ip[48:64]) not in self.vips or length not in (24, 32) or len(ip) < 40 + length:
            return self.passes("not_ip")
        if not self.plane.plan.answering:
            return self.passes("not_answering")
        return self.advertise(eth)

    def advertise(self, eth: Ethernet) -> End:
        """To the asker; to all where that has no address yet, since it is about to take the VIP (RFC 4862)."""
        ip = eth.payload
        probe = not any(ip[8:24])
        body = (
            b"\x88\0\0\0" + (b"\x20" if probe else b"\x60") + b"\0\0\0" + ip[48:64] + b"\x02\x01" + self.plane.own_mac
        )
        ends = ip[48:64] + (ALL_NODES.packed if probe else ip[8:24])
        total = packet.checksum(ends + struct.pack("!II", 32, packet.ICMP6) + body)
        reply = ip[:4] + b"\0\x20" + ip[6:8] + ends + body[:2] + struct.pack("!H", total) + body[4:] + ip[72:]
        return self.sends("nd_answered", ALL_NODES_MAC if probe else eth.source, reply)

    # ------------------------------------------------------------------------------- ICMP

    def icmp(self, eth: Ethernet, ip: Ip4) -> End:
        if len(ip.payload) < 8:
            raise Malformed
        if ip.payload[0] == 8:
            self.from_host(ip)
            return self.echo(eth, ip)
        if ip.payload[0] in (3, 4, 11, 12):
            return self.icmp_error(ip)
        return self.passes("no_service")

    def echo(self, eth: Ethernet, ip: Ip4) -> End:
        """The reply: addresses change places, the type is 0, the TTL is the director's own; checksums follow."""
        if not self.plane.plan.answering:
            return self.passes("not_answering")
        head = bytearray(eth.payload[: ip.header])
        head[12:20] = head[16:20] + head[12:16]
        old_ttl_word, head[8] = bytes(head[8:10]), 64
        head[10:12] = _checksum_after(bytes(head[10:12]), old_ttl_word, bytes(head[8:10]))
        body = bytearray(eth.payload[ip.header :])
        body[0] = 0
        body[2:4] = _checksum_after(bytes(body[2:4]), b"\x08\x00", b"\x00\x00")
        return self.sends("echo_answered", eth.source, bytes(head + body))

    def icmp_error(self, ip: Ip4) -> End:
        """To the real server whose packet it quotes."""
        source, has_ports, ends = packet.quoted(ip.payload)
        return self.error(ends if source == ip.target and has_ports else None)

    def error(self, ends: Ends | None) -> End:
        """To the real server of the flow that is quoted; None: it quotes somebody else's packet."""
        service = self.service(ends) if ends else None
        if ends is None or service is None:
            return self.drops("icmp_no_flow")
        if flow := self.flow(ends, Segment.NONE):
            return self.to_real(flow.service, flow.real, "icmp_forwarded")
        slot = self.slot(service, ends)
        if before := self.before(service, ends, Segment.NONE):
            return self.to_real(*before, "icmp_forwarded")
        real = slot.before if slot.tracked else slot.now
        return self.to_real(service.plan.name, real, "icmp_forwarded") if real else self.drops("icmp_no_flow")

    # ------------------------------------------------------------------------------- balancing

    def service(self, ends: Ends) -> Service | None:
        """As IPVS looks it up: an exact port first, then a range, then all ports."""
        name = owner(self.plane.entrances.get(ends.vip, ()), ends.protocol, ends.vip_port)
        return self.plane.services[name] if name else None

    def slot(self, service: Service, ends: Ends) -> Slot:
        if not service.slots:
            return Slot(None)
        return service.slots[slot_number(service.plan, ends.client, ends.client_port, len(service.slots))]

    def flow(self, ends: Ends, segment: Segment) -> Flow | None:
        """The flow, if it lives and may stay where it is."""
        flow = self.plane.flow_table.living(ends, self.plane.now)
        if flow is None or (flow.state in OVER and segment in OPENING) or self.moves(flow.service, flow.real):
            return None
        return flow

    def moves(self, name: str, real: Address) -> bool:
        service = self.plane.services.get(name)
        plan = service.real(real) if service else None
        return service is not None and plan is not None and not plan.up and service.plan.on_down is OnDown.MOVE

    def balance(self, ends: Ends, segment: Segment) -> End:
        service = self.service(ends)
        if service is None:
            return self.passes("no_service")
        plane = self.plane
        if segment is Segment.SYN and not plane.syns.may_pass(ends.client, plane.now, plane.plan.defence):
            return self.drops("syn_capped")
        slot = self.slot(service, ends)
        if not service.tracks_all and not slot.tracked:
            if slot.now is None:
                return self.no_real(service)
            return self.to_real(service.plan.name, slot.now, "forwarded", segment in OPENING)
        if service.plan.one_packet and segment is Segment.DATAGRAM:
            real = self.pick(service, ends)
            return self.to_real(service.plan.name, real, "forwarded", is_new=True) if real else self.no_real(service)
        if flow := self.flow(ends, segment):
            again = segment in OPENING and flow.state in HALF_OPEN and flow.seen != self.plane.now
            self.plane.repeated[flow.service, flow.real] += again
            flow.state, flow.seen = state_after(flow.state, segment), self.plane.now
            return self.to_real(flow.service, flow.real, "forwarded")
        if segment not in OPENING and (before := self.before(service, ends, segment)):
            if segment in SHOWING:
                self.remember(before, ends, segment)
            return self.to_real(*before, "forwarded")
        return (
            self.new(service, ends, segment, slot) if service.tracks_all else self.moved(service, ends, segment, slot)
        )

    def before(self, service: Service, ends: Ends, segment: Segment) -> tuple[str, Address] | None:
        """Where a flow without an entry is, if it began while another hash led here and lives yet: a service's real
        server, which may be another service's.
        """
        before, table = service.before, self.plane.flow_table
        if before is None or self.plane.now - before.since > table.timeouts["ES"]:
            return None
        slot = before.slots[slot_number(before.plan, ends.client, ends.client_port, len(before.slots))]
        real = slot.before if slot.tracked else slot.now
        name = before.plan.name
        return (name, real) if real and self.stays_before(name, real, segment, before.since) else None

    def stays_before(self, name: str, real: Address, segment: Segment, since: int) -> bool:
        """Whether a packet of a flow without an entry goes to where such flows were before that second.

        Of a datagram nobody knows whether it begins something: it does so while a flow of datagrams may be silent, and
        while somebody is there.
        """
        if self.moves(name, real):
            return False
        service, timeout = self.plane.services.get(name), self.plane.flow_table.timeouts["UDP"]
        recent = self.plane.now - since <= timeout and service is not None and service.schedulable(real) is not None
        return recent or segment is not Segment.DATAGRAM

    def new(self, service: Service, ends: Ends, segment: Segment, slot: Slot) -> End:
        """A packet of no flow, in a service whose flows all have entries."""
        if segment not in (*OPENING, Segment.DATAGRAM):
            return self.to_real(service.plan.name, slot.now, "stray") if slot.now else self.no_real(service)
        template = self.template(service, ends)
        real = template.real if template else self.pick(service, ends)
        if real is None:
            return self.no_real(service)
        if template is None and service.plan.persistence:
            template = self.plane.templates[self.client(service, ends)] = Template(real, self.plane.now)
        self.remember((service.plan.name, real), ends, segment, template)
        return self.to_real(service.plan.name, real, "forwarded", is_new=True)

    def client(self, service: Service, ends: Ends) -> tuple[str, Address]:
        return service.plan.name, client_of(ends.client, service.plan.persistence_mask)

    def template(self, service: Service, ends: Ends) -> Template | None:
        """The client's, if it serves: its real server may be quiesced, but neither down nor gone."""
        template = self.plane.templates.get(self.client(service, ends)) if service.plan.persistence else None
        if template is None or not template.lives(service.plan.persistence, self.plane.now):
            return None
        return template if service.schedulable(template.real) else None

    def pick(self, service: Service, ends: Ends) -> Address | None:
        """What the service's scheduler says."""
        candidates = self.plane.candidates(service)
        request = Request(ends.client, ends.client_port, ends.vip, ends.vip_port, _protocol(ends), self.plane.now)
        picked = service.rule.pick(request, candidates)
        return next((candidate.address for candidate in candidates if candidate.id == picked), None)

    def moved(self, service: Service, ends: Ends, segment: Segment, slot: Slot) -> End:
        """A packet of no entry in a slot that changed: of an old flow, unless it begins one before our eyes."""
        is_new = segment in OPENING
        real = None if is_new else slot.before
        if real is None or not self.stays_before(service.plan.name, real, segment, service.moved):
            real = slot.now
        if real is None:
            return self.no_real(service)
        if segment in SHOWING:
            self.remember((service.plan.name, real), ends, segment)
        return self.to_real(service.plan.name, real, "forwarded", is_new)

    def remember(
        self, real: tuple[str, Address], ends: Ends, segment: Segment, template: Template | None = None
    ) -> None:
        """Gives the flow an entry; its client's template counts it, and the client's time begins anew."""
        if template:
            template.used = self.plane.now
            template.flows += 1
        self.plane.end_flow(ends)
        flow = Flow(*real, state_after("NO", segment), self.plane.now, template)
        self.plane.begin_flow(ends, flow)


def _protocol(ends: Ends) -> Protocol:
    return next(protocol for protocol in Protocol if protocol.number == ends.protocol)


def _checksum_after(checksum: bytes, old: bytes, new: bytes) -> bytes:
    """RFC 1624, equation 3: the checksum after one 16-bit word has changed."""
    total = (~int.from_bytes(checksum) & 0xFFFF) + (~int.from_bytes(old) & 0xFFFF) + int.from_bytes(new)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (~total & 0xFFFF).to_bytes(2)
