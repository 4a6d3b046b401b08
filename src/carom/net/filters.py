"""Filters for packet sockets: classic BPF (linux/filter.h) that lets through what a watch is for, and nothing else.

The kernel runs them before it copies anything, on what the data plane left to the host: what is forwarded never meets
them. Addresses are compared by a word of 32 bits, for IPv6 the last one, so a few frames that only look alike may get
through; who reads them looks again.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Iterable, Sequence

from carom.model import Address

Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false, operand."""

_LOAD_WORD, _LOAD_BYTE, _AND, _JUMP, _JUMP_EQUAL, _RETURN = 0x20, 0x30, 0x54, 0x05, 0x15, 0x06
_PACKET_TYPE = 0xFFFFF004
"""SKF_AD_OFF + SKF_AD_PKTTYPE: whom the frame is addressed to; 0, PACKET_HOST, is this NIC."""
_SO_ATTACH_FILTER = 26
_ICMPV6, _SOLICITATION, _ADVERTISEMENT = 58, 135, 136
_BLOCK = 250
"""Comparisons that can jump to one place: a jump is a byte."""
_COMPARISONS = 1200
"""At one place of a program, which may have 4,096 instructions. Where there are more, whole networks are compared."""
_OWN = 64
"""The director's own addresses that a program leaves out; hosts with more of them have containers."""
SNAP = 128
"""Bytes of a frame that are kept."""
_DROP: Instruction = (_RETURN, 0, 0, 0)


def claims4(senders: Iterable[Address], targets: Iterable[Address] = ()) -> list[Instruction]:
    """For a socket that hears ARP: frames whose sender is one of `senders`, or their target one of `targets`."""
    return [*_word_among(28, _words(senders)), *_word_among(38, _words(targets)), _DROP]


def packets4(vips: Iterable[Address], own: Iterable[Address]) -> list[Instruction]:
    """For a socket that hears IPv4: packets to this NIC that come from one of `vips`, but not those to `own`."""
    mine = [
        instruction
        for address in _few(own, 4)
        for instruction in ((_LOAD_WORD, 0, 0, 30), (_JUMP_EQUAL, 0, 1, _word(address)), _DROP)
    ]
    return [*_to_this_nic(), *mine, *_word_among(26, _words(vips)), _DROP]


def claims_and_packets6(vips: Iterable[Address], own: Iterable[Address]) -> list[Instruction]:
    """For a socket that hears IPv6: what the other two let through, by neighbour discovery and by source address."""
    words = _words(vips)
    discovery = [*_word_among(74, words), *_word_among(34, words), _DROP]
    is_discovery = [
        (_LOAD_BYTE, 0, 0, 54),
        (_JUMP_EQUAL, 2, 0, _SOLICITATION),
        (_JUMP_EQUAL, 1, 0, _ADVERTISEMENT),
        (_JUMP, 0, 0, len(discovery)),
        *discovery,
    ]
    return [
        (_LOAD_BYTE, 0, 0, 20),
        (_JUMP_EQUAL, 1, 0, _ICMPV6),
        (_JUMP, 0, 0, len(is_discovery)),
        *is_discovery,
        *_to_this_nic(),
        *(instruction for address in _few(own, 6) for instruction in _drop_to(address)),
        *_word_among(34, words),
        _DROP,
    ]


def attach(sock: socket.socket, program: Sequence[Instruction]) -> None:
    """Put the program on a socket, in the place of the one it has. Raises OSError."""
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *instruction) for instruction in program))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(program), ctypes.addressof(code)))


def _to_this_nic() -> list[Instruction]:
    """A switch that floods brings frames for others too."""
    return [(_LOAD_BYTE, 0, 0, _PACKET_TYPE), (_JUMP_EQUAL, 1, 0, 0), _DROP]


def _few(own: Iterable[Address], version: int) -> list[Address]:
    return [address for address in own if address.version == version][:_OWN]


def _drop_to(address: Address) -> list[Instruction]:
    """IPv6 destinations are compared whole: many addresses end alike."""
    words = struct.unpack("!4I", address.packed)
    compared = [
        instruction
        for place, word in enumerate(words)
        for instruction in ((_LOAD_WORD, 0, 0, 38 + 4 * place), (_JUMP_EQUAL, 0, 7 - 2 * place, word))
    ]
    return [*compared, _DROP]


def _word_among(offset: int, words: set[int]) -> list[Instruction]:
    """Let the frame through if the word at this offset is one of these; else go on."""
    mask, listed = _at_most(_COMPARISONS, words)
    program: list[Instruction] = [(_LOAD_WORD, 0, 0, offset), (_AND, 0, 0, mask)]
    for start in range(0, len(listed), _BLOCK):
        block = listed[start : start + _BLOCK]
        program += [(_JUMP_EQUAL, len(block) - place, 0, word) for place, word in enumerate(block)]
        program += [(_JUMP, 0, 0, 1), (_RETURN, 0, 0, SNAP)]
    return program


def _at_most(count: int, words: set[int]) -> tuple[int, list[int]]:
    """A mask, and these words under it, shortened until there are no more than so many."""
    mask = 0xFFFFFFFF
    while len({word & mask for word in words}) > count:
        mask = mask << 1 & 0xFFFFFFFF
    return mask, sorted({word & mask for word in words})


def _words(addresses: Iterable[Address]) -> set[int]:
    return {_word(address) for address in addresses}


def _word(address: Address) -> int:
    return int.from_bytes(address.packed[-4:], "big")
