"""Frames of the packet tests, built from the words of the RFCs: every field can be given a wrong value.

tcp("10.0.0.1:1025", "192.168.76.24:80", "S")          a sound SYN
tcp(..., ihl=4)                                          one that claims an impossible header
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address

from carom.dataplane.fake.packet import checksum

DIRECTOR = bytes.fromhex("020000000001")
INSIDE = bytes.fromhex("020000000002")
"""The director's second NIC, where it has one."""
ROUTER = bytes.fromhex("0200000000fe")
PEER = bytes.fromhex("020000000003")
"""Another director."""
STRANGER = bytes.fromhex("020000000077")
BROADCAST = b"\xff" * 6
_FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32}


def ethernet(payload: bytes, ethertype: int = 0x0800, target: bytes = DIRECTOR, source: bytes = ROUTER) -> bytes:
    return target + source + struct.pack("!H", ethertype) + payload


def ip4(  # one parameter for each field of the header
    source: str,
    target: str,
    protocol: int,
    payload: bytes,
    *,
    version: int = 4,
    ihl: int | None = None,
    options: bytes = b"",
    total: int | None = None,
    fragment: int = 0x4000,
    id: int = 1,  # noqa: A002  the header's own word
    ttl: int = 64,
    tos: int = 0,
) -> bytes:
    """`options` in whole words; `fragment` is the word of flags and offset (0x4000: don't fragment)."""
    words = 5 + len(options) // 4 if ihl is None else ihl
    length = 20 + len(options) + len(payload) if total is None else total
    head = struct.pack(
        "!BBHHHBBH4s4s",
        *(version << 4 | words, tos, length, id, fragment, ttl, protocol, 0),
        *(IPv4Address(source).packed, IPv4Address(target).packed),
    )
    head = head[:10] + struct.pack("!H", checksum(head + options)) + head[12:]
    return head + options + payload


def ip6(
    source: str,
    target: str,
    protocol: int,
    payload: bytes,
    *,
    version: int = 6,
    length: int | None = None,
    hops: int = 64,
    extensions: tuple[tuple[int, bytes], ...] = (),
) -> bytes:
    """`extensions`: the number of each extension header, and its bytes but for the first, which names the next."""
    numbers = [number for number, _ in extensions] + [protocol]
    chain = b"".join(bytes([after]) + body for (_, body), after in zip(extensions, numbers[1:], strict=True))
    size = len(chain) + len(payload) if length is None else length
    head = struct.pack("!IHBB", version << 28, size, numbers[0], hops)
    return head + IPv6Address(source).packed + IPv6Address(target).packed + chain + payload


def split(end: str) -> tuple[str, int]:
    address, port = end.rsplit(":", 1)
    return address.strip("[]"), int(port)


def _to(source: str, target: str, protocol: int, payload: bytes, mac: bytes, **fields: object) -> bytes:
    """A frame with a packet of the addresses' family."""
    if ":" in target:
        return ethernet(ip6(source, target, protocol, payload, **fields), 0x86DD, mac)  # type: ignore[arg-type]
    return ethernet(ip4(source, target, protocol, payload, **fields), target=mac)  # type: ignore[arg-type]


def tcp_segment(source_port: int, target_port: int, flags: str, data: bytes = b"", offset: int = 5) -> bytes:
    bits = sum(_FLAGS[flag] for flag in flags)
    return struct.pack("!HHIIBBHHH", source_port, target_port, 1000, 2000, offset << 4, bits, 8192, 0, 0) + data


def tcp(
    client: str,
    vip: str,
    flags: str = "A",
    data: bytes = b"",
    *,
    offset: int = 5,
    mac: bytes = DIRECTOR,
    padding: int = 0,
    **ip: object,
) -> bytes:
    (source, source_port), (target, target_port) = split(client), split(vip)
    segment = tcp_segment(source_port, target_port, flags, data, offset)
    return _to(source, target, 6, segment, mac, **ip) + bytes(padding)


def udp(client: str, vip: str, data: bytes = b"?", *, length: int | None = None, **ip: object) -> bytes:
    (source, source_port), (target, target_port) = split(client), split(vip)
    size = 8 + len(data) if length is None else length
    datagram = struct.pack("!HHHH", source_port, target_port, size, 0) + data
    return _to(source, target, 17, datagram, DIRECTOR, **ip)


def pieces(whole: bytes, size: int, number: int = 1) -> tuple[bytes, ...]:
    """A frame's packet in pieces of so many bytes (a multiple of 8) each, in their order; `number` identifies them."""
    is_ip6 = whole[12:14] == b"\x86\xdd"
    head = 54 if is_ip6 else 34
    starts = range(0, len(whole) - head, size)
    parts = [(start, whole[head + start :][:size], start + size < len(whole) - head) for start in starts]
    return tuple(
        _piece6(whole, data, start, more, number) if is_ip6 else _piece4(whole, data, start, more, number)
        for start, data, more in parts
    )


def _piece4(whole: bytes, data: bytes, start: int, more: bool, number: int) -> bytes:
    source, target = (str(IPv4Address(whole[at : at + 4])) for at in (26, 30))
    return ethernet(ip4(source, target, whole[23], data, fragment=start // 8 | more << 13, id=number))


def _piece6(whole: bytes, data: bytes, start: int, more: bool, number: int) -> bytes:
    source, target = (str(IPv6Address(whole[at : at + 16])) for at in (22, 38))
    header = (44, struct.pack("!xHI", start | more, number))
    return ethernet(ip6(source, target, whole[20], data, extensions=(header,)), 0x86DD)


CHUNKS = {
    "data": 0,
    "init": 1,
    "init ack": 2,
    "sack": 3,
    "abort": 6,
    "shutdown": 7,
    "shutdown ack": 8,
    "error": 9,
    "cookie echo": 10,
    "cookie ack": 11,
    "shutdown complete": 14,
}
"""SCTP's, by RFC 9260 section 3.2."""


def sctp(
    client: str, vip: str, chunk: str | int = "data", *, length: int = 8, cut: int | None = None, **ip: object
) -> bytes:
    """An SCTP packet of one chunk; `cut` is how many of its bytes there are."""
    (source, source_port), (target, target_port) = split(client), split(vip)
    kind = CHUNKS[chunk] if isinstance(chunk, str) else chunk
    whole = struct.pack("!HHIIBBH4x", source_port, target_port, 7, 0, kind, 0, length)
    return _to(source, target, 132, whole[:cut], DIRECTOR, **ip)


def icmp(source: str, target: str, kind: int, code: int = 0, rest: bytes = bytes(4), data: bytes = b"") -> bytes:
    message = struct.pack("!BBH", kind, code, 0) + rest + data
    message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
    return ethernet(ip4(source, target, 1, message))


def checksum6(source: str, target: str, message: bytes) -> int:
    """Of ICMPv6, over the pseudo-header (RFC 8200 section 8.1)."""
    addresses = IPv6Address(source).packed + IPv6Address(target).packed
    return checksum(addresses + struct.pack("!II", len(message), 58) + message)


def icmp6(
    source: str,
    target: str,
    kind: int,
    body: bytes = bytes(4),
    *,
    code: int = 0,
    mac: bytes = DIRECTOR,
    hops: int = 64,
    source_mac: bytes = ROUTER,
) -> bytes:
    message = struct.pack("!BBH", kind, code, 0) + body
    message = message[:2] + struct.pack("!H", checksum6(source, target, message)) + message[4:]
    return ethernet(ip6(source, target, 58, message, hops=hops), 0x86DD, mac, source_mac)


def solicitation(
    source: str, asked: str, *, to: bytes | None = None, hops: int = 255, option: bytes = b"\x01\x01" + ROUTER
) -> bytes:
    """Who has `asked`? To its solicited-node group (RFC 4291), or to one station."""
    low = IPv6Address(asked).packed[-3:]
    group = str(IPv6Address(bytes.fromhex("ff0200000000000000000001ff") + low))
    body = bytes(4) + IPv6Address(asked).packed + option
    target, mac = (asked, to) if to else (group, b"\x33\x33\xff" + low)
    return icmp6(source, target, 135, body, mac=mac, hops=hops)


def arp(
    operation: int,
    sender: str,
    target: str,
    *,
    sender_mac: bytes = ROUTER,
    to: bytes = BROADCAST,
    head: bytes = bytes.fromhex("0001080006 04".replace(" ", "")),
) -> bytes:
    body = struct.pack(
        "!H6s4s6s4s", operation, sender_mac, IPv4Address(sender).packed, bytes(6), IPv4Address(target).packed
    )
    return ethernet(head + body, 0x0806, to, sender_mac)


def tagged(frame: bytes, vlan: int, kind: int = 0x8100) -> bytes:
    """With a VLAN tag; `vlan` may have a priority above its twelve bits."""
    return frame[:12] + struct.pack("!HH", kind, vlan) + frame[12:]


def sent_by(mac: bytes, frame: bytes) -> bytes:
    return frame[:6] + mac + frame[12:]


def remac(frame: bytes, target: bytes, source: bytes = DIRECTOR) -> bytes:
    """The frame as a director sends it on: nothing but its MACs changed."""
    return target + source + frame[12:]
