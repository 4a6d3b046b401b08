"""Frames of the packet tests, built from the words of the RFCs: every field can be given a wrong value.

tcp("10.0.0.1:1025", "192.168.76.24:80", "S")          a sound SYN
tcp(..., ihl=4)                                          one that claims an impossible header
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

from carom.dataplane.fake.packet import checksum

DIRECTOR = bytes.fromhex("020000000001")
ROUTER = bytes.fromhex("0200000000fe")
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
    ttl: int = 64,
    tos: int = 0,
) -> bytes:
    """`options` in whole words; `fragment` is the word of flags and offset (0x4000: don't fragment)."""
    words = 5 + len(options) // 4 if ihl is None else ihl
    length = 20 + len(options) + len(payload) if total is None else total
    head = struct.pack(
        "!BBHHHBBH4s4s",
        *(version << 4 | words, tos, length, 1, fragment, ttl, protocol, 0),
        *(IPv4Address(source).packed, IPv4Address(target).packed),
    )
    head = head[:10] + struct.pack("!H", checksum(head + options)) + head[12:]
    return head + options + payload


def split(end: str) -> tuple[str, int]:
    address, port = end.rsplit(":", 1)
    return address, int(port)


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
    return ethernet(ip4(source, target, 6, segment, **ip), target=mac) + bytes(padding)  # type: ignore[arg-type]


def udp(client: str, vip: str, data: bytes = b"?", *, length: int | None = None, **ip: object) -> bytes:
    (source, source_port), (target, target_port) = split(client), split(vip)
    size = 8 + len(data) if length is None else length
    datagram = struct.pack("!HHHH", source_port, target_port, size, 0) + data
    return ethernet(ip4(source, target, 17, datagram, **ip))  # type: ignore[arg-type]


def icmp(source: str, target: str, kind: int, code: int = 0, rest: bytes = bytes(4), data: bytes = b"") -> bytes:
    message = struct.pack("!BBH", kind, code, 0) + rest + data
    message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
    return ethernet(ip4(source, target, 1, message))


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


def remac(frame: bytes, target: bytes, source: bytes = DIRECTOR) -> bytes:
    """The frame as a director sends it on: nothing but its MACs changed."""
    return target + source + frame[12:]
