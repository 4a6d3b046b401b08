"""Frames that ask the segment something, and what frames on it say: values in, bytes out, and back.

RFC 826 and RFC 5227 (ARP), RFC 4861 (neighbour discovery), RFC 791, 792, 8200, 4443, 9293. Frames are whole, without
FCS. What they say is read as it stands: nobody's checksum is verified, since a neighbour that sends a bad one exists.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from carom.model import Address, Protocol
from carom.sighting import Sign

BROADCAST = b"\xff" * 6
NOBODY = IPv4Address(0)
ETH_P_IP, ETH_P_ARP, ETH_P_IPV6 = 0x0800, 0x0806, 0x86DD
ICMP, ICMPV6 = 1, 58
_ETHERNET = struct.Struct("!6s6sH")
_ARP = struct.Struct("!HHBBH6s4s6s4s")
_ARP_REQUEST, _ARP_REPLY = 1, 2
_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_IPV6 = struct.Struct("!IHBB16s16s")
_SOLICITATION, _ADVERTISEMENT = 135, 136
_ECHO_REQUEST = {4: 8, 6: 128}
_TCP = struct.Struct("!HHIIBBHHH")
_TCP_ACK = 0x10


@dataclass(frozen=True, slots=True)
class Claim:
    """A station says that an address is at its MAC."""

    address: Address
    mac: bytes
    sign: Sign
    """ANSWERED or ANNOUNCED."""
    target: Address
    """Whom it says it to, or for whom it asks."""


@dataclass(frozen=True, slots=True)
class Packet:
    """An IP packet, as far as its way tells."""

    source: Address
    destination: Address
    mac: bytes
    """The station that sent the frame."""
    port: int = 0
    """The TCP port it goes to; 0: it is no TCP, or has options or headers before that."""


# ---- to the segment ----


def question(address: Address, mac: bytes, sender: IPv4Address = NOBODY) -> bytes:
    """Ask who has the address, as somebody who is nobody's neighbour yet and changes nobody's mind.

    An ARP probe (RFC 5227 section 2.1.1); a solicitation from the unspecified address (RFC 4862 section 5.4.2). With a
    sender it is an ordinary ARP request: who answers ARP for others (proxy ARP) leaves a probe unanswered.
    """
    if isinstance(address, IPv4Address):
        body = _ARP.pack(1, ETH_P_IP, 6, 4, _ARP_REQUEST, mac, sender.packed, bytes(6), address.packed)
        return _ETHERNET.pack(BROADCAST, mac, ETH_P_ARP) + body
    nobody, group = IPv6Address(0), IPv6Address(b"\xff\x02" + bytes(9) + b"\x01\xff" + address.packed[-3:])
    body = struct.pack("!BBHI16s", _SOLICITATION, 0, 0, 0, address.packed)
    packet = _ip6(nobody, group, ICMPV6, _summed6(nobody, group, ICMPV6, body, checksum_at=2), hops=255)
    return _ETHERNET.pack(b"\x33\x33" + group.packed[-4:], mac, ETH_P_IPV6) + packet


@dataclass(frozen=True, slots=True)
class Way:
    """From whom to whom a packet goes, at both layers. Addresses of one family."""

    source_mac: bytes
    target_mac: bytes
    source: Address
    target: Address
    hops: int = 64
    """Routers that it may pass."""


def echo_request(way: Way, number: int) -> bytes:
    """A ping; `number` comes back with the answer, 16 bits."""
    version, protocol = way.source.version, ICMP if way.source.version == 4 else ICMPV6
    body = struct.pack("!BBHHH", _ECHO_REQUEST[version], 0, 0, number, 1)
    return _packet(way, protocol, body, checksum_at=2)


def stray_ack(way: Way, source_port: int, target_port: int) -> bytes:
    """A TCP segment of no connection. Whoever it reaches answers with a reset and keeps nothing (RFC 9293, 3.5.2)."""
    header = _TCP.pack(source_port, target_port, 1, 1, 5 << 4, _TCP_ACK, 1024, 0, 0)
    return _packet(way, Protocol.TCP.number, header, checksum_at=16)


def _packet(way: Way, protocol: int, body: bytes, checksum_at: int) -> bytes:
    if isinstance(way.source, IPv4Address) and isinstance(way.target, IPv4Address):
        pseudo = b"" if protocol == ICMP else _pseudo4(way.source, way.target, protocol, len(body))
        packet = _ip4(way.source, way.target, protocol, _with_checksum(body, checksum_at, pseudo), way.hops)
        return _ETHERNET.pack(way.target_mac, way.source_mac, ETH_P_IP) + packet
    source, target = IPv6Address(way.source), IPv6Address(way.target)
    packet = _ip6(source, target, protocol, _summed6(source, target, protocol, body, checksum_at), way.hops)
    return _ETHERNET.pack(way.target_mac, way.source_mac, ETH_P_IPV6) + packet


def _ip4(source: IPv4Address, target: IPv4Address, protocol: int, body: bytes, hops: int) -> bytes:
    length = _IPV4.size + len(body)
    header = _IPV4.pack(0x45, 0, length, 0, 0, hops, protocol, 0, source.packed, target.packed)
    return _with_checksum(header, 10) + body


def _ip6(source: IPv6Address, target: IPv6Address, protocol: int, body: bytes, hops: int) -> bytes:
    return _IPV6.pack(6 << 28, len(body), protocol, hops, source.packed, target.packed) + body


def _pseudo4(source: IPv4Address, target: IPv4Address, protocol: int, length: int) -> bytes:
    return source.packed + target.packed + struct.pack("!HH", protocol, length)


def _summed6(source: IPv6Address, target: IPv6Address, protocol: int, body: bytes, checksum_at: int) -> bytes:
    pseudo = source.packed + target.packed + struct.pack("!II", len(body), protocol)
    return _with_checksum(body, checksum_at, pseudo)


def _with_checksum(data: bytes, at: int, pseudo: bytes = b"") -> bytes:
    """The data, of even length, with its Internet checksum (RFC 1071) put in."""
    covered = pseudo + data
    total = sum(struct.unpack(f"!{len(covered) // 2}H", covered))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return data[:at] + struct.pack("!H", total ^ 0xFFFF) + data[at + 2 :]


# ---- from the segment ----


def claim(frame: bytes) -> Claim | None:
    """What a frame claims by ARP or neighbour discovery; None: nothing."""
    if len(frame) < _ETHERNET.size:
        return None
    _, mac, kind = _ETHERNET.unpack_from(frame)
    body = frame[_ETHERNET.size :]
    if kind == ETH_P_ARP:
        return _arp_claim(body)
    return _discovery_claim(mac, body) if kind == ETH_P_IPV6 else None


def packet(frame: bytes) -> Packet | None:
    """Where the IP packet in a frame comes from and goes to; None: there is none."""
    if len(frame) < _ETHERNET.size:
        return None
    _, mac, kind = _ETHERNET.unpack_from(frame)
    body = frame[_ETHERNET.size :]
    if kind == ETH_P_IP and len(body) >= _IPV4.size:
        tcp = body[_IPV4.size :] if (body[0], body[9]) == (0x45, Protocol.TCP.number) else b""
        return Packet(IPv4Address(body[12:16]), IPv4Address(body[16:20]), mac, _port(tcp))
    if kind == ETH_P_IPV6 and len(body) >= _IPV6.size:
        tcp = body[_IPV6.size :] if body[6] == Protocol.TCP.number else b""
        return Packet(IPv6Address(body[8:24]), IPv6Address(body[24:40]), mac, _port(tcp))
    return None


def _port(tcp: bytes) -> int:
    return int.from_bytes(tcp[2:4], "big")


def _arp_claim(body: bytes) -> Claim | None:
    """A request names its sender too, and everybody learns from that; a probe's sender, 0.0.0.0, claims nothing."""
    if len(body) < _ARP.size:
        return None
    hardware, protocol, _, _, operation, mac, sender, _, target = _ARP.unpack_from(body)
    if (hardware, protocol) != (1, ETH_P_IP) or sender == bytes(4):
        return None
    if operation not in (_ARP_REQUEST, _ARP_REPLY):
        return None
    sign = Sign.ANSWERED if operation == _ARP_REPLY else Sign.ANNOUNCED
    return Claim(IPv4Address(sender), mac, sign, IPv4Address(target))


def _discovery_claim(mac: bytes, body: bytes) -> Claim | None:
    if len(body) < _IPV6.size + 24:
        return None
    _, _, protocol, _, source, destination = _IPV6.unpack_from(body)
    kind, target = body[_IPV6.size], IPv6Address(body[_IPV6.size + 8 : _IPV6.size + 24])
    if protocol != ICMPV6:
        return None
    if kind == _ADVERTISEMENT:
        return Claim(target, _link_layer_address(body) or mac, Sign.ANSWERED, IPv6Address(destination))
    if kind == _SOLICITATION and source != bytes(16):
        return Claim(IPv6Address(source), _link_layer_address(body) or mac, Sign.ANNOUNCED, target)
    return None


def _link_layer_address(body: bytes) -> bytes:
    """The MAC in the message's option (RFC 4861 section 4.6.1); empty where it has none."""
    option = body[_IPV6.size + 24 : _IPV6.size + 32]
    return option[2:8] if len(option) == 8 and option[0] in (1, 2) and option[1] == 1 else b""
