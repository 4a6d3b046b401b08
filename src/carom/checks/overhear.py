"""Answers that reach the director's NIC, whether or not the host's own network code lets them in.

A reply that the director's reverse-path filter or packet filter drops is on the wire all the same: packet(7) sockets
stand before both. One pair of them is opened at the first question and kept: closing one takes the kernel a grace
period of milliseconds, in which the event loop would stand still. They hear echo replies and parameter problems only.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections import deque

_ETH_P_IP, _ETH_P_IPV6 = 0x0800, 0x86DD
_SO_ATTACH_FILTER = 26
_SNAP = 256
"""Bytes of a packet that are kept: what answers us, with what it quotes of ours, is shorter."""
_KEPT = 1024
"""Packets that are remembered."""

# Classic BPF (linux/filter.h), on packets from their IP header on: instruction, jump if true, jump if false, operand.
_LOAD_BYTE, _LOAD_BYTE_PAST_HEADER, _HEADER_LENGTH, _JUMP_EQUAL, _RETURN = 0x30, 0x50, 0xB1, 0x15, 0x06
_ANSWERS_4 = (
    (_LOAD_BYTE, 0, 0, 9),
    (_JUMP_EQUAL, 0, 5, socket.IPPROTO_ICMP),
    (_HEADER_LENGTH, 0, 0, 0),
    (_LOAD_BYTE_PAST_HEADER, 0, 0, 0),
    (_JUMP_EQUAL, 1, 0, 0),  # echo reply
    (_JUMP_EQUAL, 0, 1, 12),  # parameter problem
    (_RETURN, 0, 0, _SNAP),
    (_RETURN, 0, 0, 0),
)
_ANSWERS_6 = (
    (_LOAD_BYTE, 0, 0, 6),
    (_JUMP_EQUAL, 0, 4, socket.IPPROTO_ICMPV6),
    (_LOAD_BYTE, 0, 0, 40),
    (_JUMP_EQUAL, 1, 0, 129),  # echo reply
    (_JUMP_EQUAL, 0, 1, 4),  # parameter problem
    (_RETURN, 0, 0, _SNAP),
    (_RETURN, 0, 0, 0),
)


class Ear:
    """Hears what comes back to the director."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        self._heard: deque[bytes] = deque(maxlen=_KEPT)

    def open(self) -> None:
        """Hear from now on, if not already. Raises OSError without CAP_NET_RAW."""
        if not self._sockets:
            self._sockets = [_listening(_ETH_P_IP, _ANSWERS_4), _listening(_ETH_P_IPV6, _ANSWERS_6)]

    def close(self) -> None:
        """Blocks for some milliseconds."""
        for sock in self._sockets:
            sock.close()
        self._sockets = []

    def heard(self, source: bytes, content: bytes) -> bool:
        """Whether a packet with these bytes came from this address (4 or 16 bytes) lately."""
        for sock in self._sockets:
            self._heard.extend(_waiting(sock))
        place = slice(12, 16) if len(source) == 4 else slice(8, 24)
        return any(packet[place] == source and content in packet for packet in self._heard)


def _listening(protocol: int, program: tuple[tuple[int, int, int, int], ...]) -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, socket.htons(protocol))
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *instruction) for instruction in program))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(program), ctypes.addressof(code)))
    return sock


def _waiting(sock: socket.socket) -> list[bytes]:
    packets: list[bytes] = []
    try:
        while len(packets) < _KEPT:
            packets.append(sock.recv(_SNAP))
    except BlockingIOError:
        pass  # that was all
    return packets
