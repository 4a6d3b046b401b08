"""Fragmented datagrams of the oracle: where the first piece of each went, and which pieces are none."""

from __future__ import annotations

from dataclasses import dataclass, field

from carom.dataplane.fake.packet import TCP, Ip4, Ip6, Malformed, Piece
from carom.model import Address

SECONDS = 30
"""How long later pieces may follow the first one."""
_LONGEST = 65535

Name = tuple[Address, Address, int, int]
"""A datagram's: source, destination, identification, and for IPv4 the protocol."""


def name_of(ip: Ip4 | Ip6, piece: Piece) -> Name:
    return ip.source, ip.target, piece.id, ip.protocol if isinstance(ip, Ip4) else 0


def sound(ip: Ip4 | Ip6, piece: Piece) -> None:
    """Raises Malformed for a piece that no sound datagram has.

    TCP's second eight bytes by themselves are made to write over a header that was looked at (RFC 3128).
    """
    length, header = len(ip.payload), ip.header if isinstance(ip, Ip4) else 0
    if not length or header + piece.offset + length > _LONGEST or (piece.more and length % 8):
        raise Malformed
    if ip.protocol == TCP and piece.offset == 8:
        raise Malformed


@dataclass(slots=True)
class Fragments:
    """Where first pieces went. It has room for all of them, and needs none of its own to forget."""

    by_name: dict[Name, tuple[str, Address, int]] = field(default_factory=dict)
    """Service, real server, and the second in which the piece came."""

    def begin(self, name: Name, service: str, real: Address, now: int) -> None:
        self.by_name[name] = service, real, now

    def follow(self, name: Name, now: int) -> tuple[str, Address] | None:
        service, real, seen = self.by_name.get(name, ("", None, 0))
        return (service, real) if real is not None and now - seen <= SECONDS else None
