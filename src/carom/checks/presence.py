"""Is the host there, and is the address its own? Asked twice: politely, and below its packet filter.

A real server that drops packets for the VIP in its filter and one that lacks the VIP look the same from outside:
silence. They differ in one thing. A host that finds a malformed IP option looks at it *before* its filter for local
traffic (netfilter's INPUT) and answers with ICMP parameter problem: from the address it was asked at if that is its
own, else from another of its addresses (RFC 1122 section 3.2.2.5, RFC 4443 sections 2.2 and 3.4; Linux:
ip_rcv_options, ip6_parse_tlv). So:

- an echo reply: the address is there, and lets us in;
- a parameter problem from that very address: it is there, and something filters;
- a parameter problem from another: the host has our packet in its hands, and it is not for it;
- nothing: the host is not there, or something before it drops what we send, or what it answers.

The malformed packet is sent only where the ping had no answer.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
from dataclasses import replace

from carom.checks.checker import Target, Unmet
from carom.checks.dial import icmp_error, open_socket
from carom.checks.icmp import echo_request, hear_only, ping
from carom.checks.overhear import Ear
from carom.core.diagnosis import Presence
from carom.outcome import Reason

_BAD_OPTION_4 = bytes([7, 2, 0, 0])
"""Record route, RFC 791, with a length of 2: less than its shortest. Then the end of the options."""
_BAD_OPTION_6 = bytes([0, 0, 0x9E, 4, 0, 0, 0, 0])
"""A hop-by-hop header with RFC 4727's experimental option, whose type asks for a parameter problem (RFC 8200, 4.2)."""
_PARAMETER_PROBLEM = {4: 12, 6: 4}
_TOLD = {
    Reason.PROHIBITED: Presence.FILTERED,
    Reason.REFUSED: Presence.FILTERED,
    Reason.UNREACHABLE: Presence.NO_WAY,
    Reason.FORWARDED: Presence.STRANGER,
    Reason.FAULT: Presence.UNKNOWN,
}
"""What a ping that failed other than by silence tells already."""


async def presence(target: Target, ear: Ear) -> Presence:
    """Ask for the address on the target's way; takes the target's timeout if nothing answers."""
    nonce = secrets.token_bytes(16)
    try:
        ear.open()
        found = await _asked(replace(target, timeout=target.timeout / 2), nonce)
    except OSError:
        return Presence.UNKNOWN
    lost = found is Presence.SILENT and ear.heard(target.address.packed, nonce)
    return Presence.UNHEARD if lost else found


async def _asked(target: Target, nonce: bytes) -> Presence:
    try:
        await ping(target, nonce)
    except Unmet as unmet:
        return _TOLD.get(unmet.reason) or await _knock(target, nonce)
    return Presence.ANSWERS


async def _knock(target: Target, nonce: bytes) -> Presence:
    """Who finds fault with a malformed packet for the address: FILTERED, STRANGER, or SILENT for nobody."""
    version = target.address.version
    loop = asyncio.get_running_loop()
    with open_socket(target, socket.SOCK_RAW, socket.IPPROTO_ICMP if version == 4 else socket.IPPROTO_ICMPV6) as sock:
        hear_only(sock, _PARAMETER_PROBLEM[version])
        try:
            async with asyncio.timeout(target.timeout):
                sock.connect((str(target.address), 0))
                await loop.sock_sendall(sock, _malformed(sock, target, nonce))
                await loop.sock_recv(sock, 1)  # the complaint comes as an error; nothing else gets through
        except OSError:
            said = icmp_error(sock)
            if said and said.type == _PARAMETER_PROBLEM[version]:
                return Presence.FILTERED if said.sender == target.address.packed else Presence.STRANGER
    return Presence.SILENT


async def is_frank(target: Target) -> bool:
    """Whether the host answers a malformed packet for its own address: some do not, and some networks drop it."""
    try:
        found = await _knock(replace(target, timeout=target.timeout / 2), secrets.token_bytes(16))
    except OSError:
        return False
    return found is Presence.FILTERED


def _malformed(sock: socket.socket, target: Target, nonce: bytes) -> bytes:
    """What to write to the socket, for an echo request with a faulty option to go out."""
    request = echo_request(target.address.version, nonce)
    if target.address.version == 6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_HOPOPTS, _BAD_OPTION_6)
        return request
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL, 1)
    ttl = sock.getsockopt(socket.IPPROTO_IP, socket.IP_TTL)
    # The kernel fills in length, identification, checksum and source (raw(7)). 0x46: version 4, six words of header.
    head = struct.pack("!BBHHHBBH4x4s", 0x46, 0, 0, 0, 0, ttl, socket.IPPROTO_ICMP, 0, target.address.packed)
    return head + _BAD_OPTION_4 + request
