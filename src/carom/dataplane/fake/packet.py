"""A frame, read as a director reads it: slowly, plainly, from the RFCs.

Ethernet II; ARP (RFC 826); IPv4 (RFC 791); ICMP (RFC 792); IPv6 (RFC 8200); ICMPv6 (RFC 4443); neighbour discovery
(RFC 4861); TCP (RFC 9293); UDP (RFC 768).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from carom.model import Address

ETHERTYPE_IP4, ETHERTYPE_ARP, ETHERTYPE_IP6 = 0x0800, 0x0806, 0x86DD
ICMP, TCP, UDP, ICMP6, SCTP = 1, 6, 17, 58, 132
EXTENSIONS = frozenset({0, 43, 44, 60})
"""IPv6 headers that are looked through: hop-by-hop options, routing, fragment, destination options."""
FRAGMENT_HEADER = 44
TAGS = (0x8100, 0x88A8)
"""Ethernet types of VLAN tags: 802.1Q, and the service tag of 802.1ad."""
MOST_EXTENSIONS = 6
MOST_EXTENSION_BYTES = 1024
"""More of them than that are taken for an attack."""


class Malformed(Exception):
    """The headers contradict themselves or the frame."""


class Segment(StrEnum):
    """What a packet does to its flow."""

    SYN = "syn"
    FIN = "fin"
    ACK = "ack"
    RST = "rst"
    NONE = "none"
    """It is about the flow and none of it: an ICMP error."""
    DATAGRAM = "datagram"
    """UDP."""
    SCTP_DATA = "sctp data"
    """Or any chunk that changes no more than data does."""
    SCTP_INIT = "sctp init"
    SCTP_INIT_ACK = "sctp init ack"
    SCTP_COOKIE_ECHO = "sctp cookie echo"
    SCTP_COOKIE_ACK = "sctp cookie ack"
    SCTP_SHUTDOWN = "sctp shutdown"
    SCTP_SHUTDOWN_ACK = "sctp shutdown ack"
    SCTP_SHUTDOWN_COMPLETE = "sctp shutdown complete"
    SCTP_ERROR = "sctp error"
    SCTP_ABORT = "sctp abort"


@dataclass(frozen=True, slots=True)
class Ethernet:
    target: bytes
    source: bytes
    ethertype: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Arp:
    operation: int
    sender_mac: bytes
    sender: IPv4Address
    target_mac: bytes
    target: IPv4Address


@dataclass(frozen=True, slots=True)
class Piece:
    """What makes a packet one of the pieces of a larger one."""

    id: int
    offset: int
    """Of its payload in the whole one's, in bytes."""
    more: bool
    """Whether others come behind it."""


@dataclass(frozen=True, slots=True)
class Ip4:
    source: IPv4Address
    target: IPv4Address
    protocol: int
    header: int
    """Bytes of the header, options included."""
    piece: Piece | None
    payload: bytes
    """As long as the header says; padding of the frame is gone."""


@dataclass(frozen=True, slots=True)
class Ip6:
    source: IPv6Address
    target: IPv6Address
    protocol: int
    """Of the transport header, behind all extension headers; of a piece, what the fragment header names."""
    piece: Piece | None
    payload: bytes
    """From the transport header on, as long as the header says."""


@dataclass(frozen=True, slots=True)
class Ends:
    """The ends of a conversation, seen from the client."""

    client: IPv4Address | IPv6Address
    client_port: int
    vip: IPv4Address | IPv6Address
    vip_port: int
    protocol: int


def untagged(frame: bytes) -> tuple[int | None, bytes]:
    """The 802.1Q tag and the frame without it; None where there is none, or more than one."""
    if len(frame) < 18 or frame[12:14] != b"\x81\0" or int.from_bytes(frame[16:18]) in TAGS:
        return None, frame
    return int.from_bytes(frame[14:16]), frame[:12] + frame[16:]


def tagged(tag: int | None, frame: bytes) -> bytes:
    return frame if tag is None else frame[:12] + struct.pack("!HH", 0x8100, tag) + frame[12:]


def ethernet(frame: bytes) -> Ethernet | None:
    if len(frame) < 14:
        return None
    return Ethernet(frame[:6], frame[6:12], int.from_bytes(frame[12:14]), frame[14:])


def arp(packet: bytes) -> Arp | None:
    """ARP for IPv4 over Ethernet; None for any other."""
    if len(packet) < 28 or packet[:6] != bytes.fromhex("000108000604"):
        return None
    operation, sender_mac, sender, target_mac, target = struct.unpack("!H6s4s6s4s", packet[6:28])
    return Arp(operation, sender_mac, IPv4Address(sender), target_mac, IPv4Address(target))


def addresses(packet: bytes) -> tuple[IPv4Address, IPv4Address] | None:
    """Source and destination, by their place alone; None where the packet is too short to have them."""
    return (IPv4Address(packet[12:16]), IPv4Address(packet[16:20])) if len(packet) >= 20 else None


def ip4(packet: bytes, prove: bool = False) -> Ip4:
    """Raises Malformed where version or lengths are impossible, and (`prove`) where the checksum is wrong."""
    header, total = (packet[0] & 15) * 4, int.from_bytes(packet[2:4])
    if packet[0] >> 4 != 4 or header < 20 or not header <= total <= len(packet):
        raise Malformed
    if prove and checksum(packet[:header]):
        raise Malformed
    identification, fragments = struct.unpack_from("!HH", packet, 4)
    offset, more = (fragments & 0x1FFF) * 8, bool(fragments & 0x2000)
    return Ip4(
        source=IPv4Address(packet[12:16]),
        target=IPv4Address(packet[16:20]),
        protocol=packet[9],
        header=header,
        piece=Piece(identification, offset, more) if offset or more else None,
        payload=packet[header:total],
    )


def target6(packet: bytes) -> IPv6Address | None:
    """The destination, by its place alone."""
    return IPv6Address(packet[24:40]) if len(packet) >= 40 else None


def ip6(packet: bytes) -> Ip6:
    """Raises Malformed where version or lengths are impossible. An atomic fragment (RFC 6946) is no fragment."""
    left, protocol = int.from_bytes(packet[4:6]), packet[6]
    if packet[0] >> 4 != 6 or 40 + left > len(packet):
        raise Malformed
    source, target, rest = IPv6Address(packet[8:24]), IPv6Address(packet[24:40]), packet[40 : 40 + left]
    for _ in range(MOST_EXTENSIONS):
        if protocol not in EXTENSIONS:
            break
        length = 8 if protocol == FRAGMENT_HEADER else 8 + (rest[1] * 8 if len(rest) > 1 else 0)
        if len(rest) < 8 or length > len(rest):
            raise Malformed
        if protocol == FRAGMENT_HEADER and (word := int.from_bytes(rest[2:4])) & 0xFFF9:
            piece = Piece(int.from_bytes(rest[4:8]), word & 0xFFF8, bool(word & 1))
            return Ip6(source, target, rest[0], piece, payload=rest[8:])
        protocol, rest = rest[0], rest[length:]
        if left - len(rest) > MOST_EXTENSION_BYTES:
            raise Malformed
    return Ip6(source, target, protocol, None, payload=rest)


def quoted6(payload: bytes, vip: Address) -> Ends | None:
    """The ends of what an ICMPv6 error quotes, turned round; None: of another source, or of a later piece."""
    packet = payload[8:]
    if len(packet) < 44 or packet[0] >> 4 != 6:
        raise Malformed
    protocol, source, target = packet[6], IPv6Address(packet[8:24]), IPv6Address(packet[24:40])
    if source != vip:
        return None
    if protocol == FRAGMENT_HEADER:
        if len(packet) < 52:
            raise Malformed
        if int.from_bytes(packet[42:44]) & 0xFFF8:
            return None
        protocol, packet = packet[40], packet[8:]
    source_port, target_port = struct.unpack_from("!HH", packet, 40)
    return Ends(target, target_port, source, source_port, protocol)


def tcp(ip: Ip4 | Ip6) -> tuple[Ends, Segment]:
    if len(ip.payload) < 20 or not 20 <= (ip.payload[12] >> 4) * 4 <= len(ip.payload):
        raise Malformed
    return _ends(ip), _segment(ip.payload[13])


def udp(ip: Ip4 | Ip6) -> tuple[Ends, Segment]:
    """A first piece's header has the length of the whole datagram, of which more must come."""
    length = int.from_bytes(ip.payload[4:6])
    sound = length >= len(ip.payload) if ip.piece else 8 <= length <= len(ip.payload)
    if len(ip.payload) < 8 or not sound:
        raise Malformed
    return _ends(ip), Segment.DATAGRAM


_CHUNKS = {
    1: Segment.SCTP_INIT,
    2: Segment.SCTP_INIT_ACK,
    6: Segment.SCTP_ABORT,
    7: Segment.SCTP_SHUTDOWN,
    8: Segment.SCTP_SHUTDOWN_ACK,
    9: Segment.SCTP_ERROR,
    10: Segment.SCTP_COOKIE_ECHO,
    11: Segment.SCTP_COOKIE_ACK,
    14: Segment.SCTP_SHUTDOWN_COMPLETE,
}


def sctp(ip: Ip4 | Ip6) -> tuple[Ends, Segment]:
    """By its first chunk (RFC 9260 section 3), which has four bytes at least."""
    if len(ip.payload) < 16 or int.from_bytes(ip.payload[14:16]) < 4:
        raise Malformed
    return _ends(ip), _CHUNKS.get(ip.payload[12], Segment.SCTP_DATA)


def quoted(payload: bytes) -> tuple[IPv4Address, bool, Ends]:
    """What an ICMP error quotes: its source, whether it has ports (no later fragment), and its ends turned round."""
    packet = payload[8:]
    if len(packet) < 20 or packet[0] >> 4 != 4 or packet[0] & 15 < 5 or len(packet) < (packet[0] & 15) * 4 + 4:
        raise Malformed
    source_port, target_port = struct.unpack_from("!HH", packet, (packet[0] & 15) * 4)
    source, target = IPv4Address(packet[12:16]), IPv4Address(packet[16:20])
    has_ports = not int.from_bytes(packet[6:8]) & 0x1FFF
    return source, has_ports, Ends(target, target_port, source, source_port, packet[9])


def _ends(ip: Ip4 | Ip6) -> Ends:
    source_port, target_port = struct.unpack_from("!HH", ip.payload)
    return Ends(ip.source, source_port, ip.target, target_port, ip.protocol)


def _segment(flags: int) -> Segment:
    """The flag that counts, by IPVS's priority. Raises Malformed for a SYN with FIN or RST, or for none."""
    if not flags & 0x17 or (flags & 2 and flags & 5):
        raise Malformed
    order = ((4, Segment.RST), (2, Segment.SYN), (1, Segment.FIN), (16, Segment.ACK))
    return next(segment for bit, segment in order if flags & bit)


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    words: tuple[int, ...] = struct.unpack(f"!{len(data) // 2}H", data[: len(data) & ~1])
    total = sum(words) + (data[-1] << 8 if len(data) % 2 else 0)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
