"""icmp: the host answers an echo request (ping). RFC 792, RFC 4443 section 4.

A raw socket, which needs CAP_NET_RAW: Linux's unprivileged ping sockets are closed to root too unless a sysctl opens
them. Connected and filtered, it hears echo replies of the one address only.
"""

from __future__ import annotations

import secrets
import socket
import struct
from dataclasses import dataclass

from carom.checks.checker import OK, Target
from carom.checks.datagram import answer, exchange
from carom.outcome import Outcome

ECHO_REQUEST = {4: 8, 6: 128}
ECHO_REPLY = {4: 0, 6: 129}
_SOL_RAW, _ICMP_FILTER = 255, 1
_ICMP6_FILTER = 1


@dataclass(frozen=True, slots=True)
class Icmp:
    """One echo request; its reply is known by sixteen random bytes."""

    async def check(self, target: Target) -> Outcome:
        await ping(target, secrets.token_bytes(16))
        return OK


async def ping(target: Target, nonce: bytes) -> None:
    """Returns when the host has given the nonce back. Raises Unmet."""
    version = target.address.version
    protocol = socket.IPPROTO_ICMP if version == 4 else socket.IPPROTO_ICMPV6
    async with exchange(target, socket.SOCK_RAW, protocol) as sock:
        hear_only(sock, ECHO_REPLY[version])
        await answer(sock, echo_request(version, nonce), lambda data: data.endswith(nonce))


def echo_request(version: int, nonce: bytes) -> bytes:
    """The message; for IPv6 the kernel writes the checksum, which covers addresses that it chooses."""
    head = struct.pack("!BBHHH", ECHO_REQUEST[version], 0, 0, int.from_bytes(nonce[:2], "big"), 1)
    if version == 6:
        return head + nonce
    return head[:2] + checksum(head + nonce) + head[4:] + nonce


def hear_only(sock: socket.socket, kind: int) -> None:
    """Let a raw ICMP socket hear messages of one type only (raw(7), RFC 3542 section 3.2)."""
    if sock.family == socket.AF_INET:
        sock.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", ~(1 << kind) & 0xFFFFFFFF))
    else:
        blocked = ((1 << 256) - 1) & ~(1 << kind)
        sock.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, struct.pack("=8I", *_words(blocked)))


def _words(bits: int) -> list[int]:
    return [bits >> (32 * word) & 0xFFFFFFFF for word in range(8)]


def checksum(data: bytes) -> bytes:
    """The Internet checksum, RFC 1071."""
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)
