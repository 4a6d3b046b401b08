"""ICMP errors that the oracle makes itself (RFC 792, RFC 1191, RFC 4443), from the packets they are about."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from carom.dataplane.fake import packet
from carom.dataplane.fake.packet import Ip4, Ip6
from carom.model import Address

QUOTED4, QUOTED6 = 576 - 28, 1280 - 48
"""Bytes of a packet that fit an error which everybody can take."""


@dataclass(slots=True)
class Allowance:
    """How many errors were wanted in this second."""

    second: int = 0
    wanted: int = 0

    def ask(self, now: int, most: int) -> bool:
        """Whether one more may be sent."""
        if self.second != now:
            self.second, self.wanted = now, 0
        self.wanted += 1
        return self.wanted <= most


def may_be_told(ip: Ip4 | Ip6) -> bool:
    """Nobody is told about an ICMP error, and no source that is not one host (RFC 1122 section 3.2.2)."""
    return is_host(ip.source) and ip.protocol != (packet.ICMP if isinstance(ip, Ip4) else packet.ICMP6)


def is_host(source: Address) -> bool:
    """Whether it is an address that one host can have, and others can answer."""
    if isinstance(source, IPv4Address):
        return source.packed[0] not in (0, 127) and source.packed[0] < 224
    return not (source.is_unspecified or source.is_loopback or source.is_multicast)


def error(raw: bytes, mtu: int) -> bytes:
    """The whole IP packet of the error about `raw`, from its destination to its source; MTU 0: port unreachable."""
    return _error4(raw, mtu) if raw[0] >> 4 == 4 else _error6(raw, mtu)


def _error4(raw: bytes, mtu: int) -> bytes:
    quoted = raw[: min(int.from_bytes(raw[2:4]) & ~1, QUOTED4)]
    message = _with_checksum(bytes((3, 4 if mtu else 3)), mtu, quoted, b"")
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(message), 0, 0, 64, packet.ICMP, 0) + raw[16:20] + raw[12:16]
    return head[:10] + struct.pack("!H", packet.checksum(head)) + head[12:] + message


def _error6(raw: bytes, mtu: int) -> bytes:
    quoted = raw[: min(40 + int.from_bytes(raw[4:6]) & ~1, QUOTED6)]
    ends = IPv6Address(raw[24:40]).packed + IPv6Address(raw[8:24]).packed
    pseudo = ends + struct.pack("!II", 8 + len(quoted), packet.ICMP6)
    message = _with_checksum(bytes((2, 0)) if mtu else bytes((1, 4)), mtu, quoted, pseudo)
    return struct.pack("!IHBB", 6 << 28, len(message), packet.ICMP6, 64) + ends + message


def _with_checksum(kind: bytes, mtu: int, quoted: bytes, pseudo: bytes) -> bytes:
    rest = struct.pack("!I", mtu) + quoted
    return kind + struct.pack("!H", packet.checksum(pseudo + kind + b"\0\0" + rest)) + rest
