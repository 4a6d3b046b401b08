"""The hashes of IPVS's hash schedulers, exactly: a client is sent to the server that IPVS would have sent it to.

An address enters a hash as one 32-bit number in host order: an IPv4 address as itself, an IPv6 address as the XOR of
its four words. Ports and retry offsets are added to it modulo 2**32, as the kernel does in an `unsigned int`.
"""

from __future__ import annotations

from carom.model import Address

WORD = 0xFFFF_FFFF
_LONG = 0xFFFF_FFFF_FFFF_FFFF
_GOLDEN_RATIO_32 = 0x61C8_8647


def fold(address: Address) -> int:
    """An address as one 32-bit number."""
    number = int(address)
    return (number ^ number >> 32 ^ number >> 64 ^ number >> 96) & WORD


def hash_32(value: int, bits: int) -> int:
    """Multiplicative hash of a 32-bit number: the upper `bits` bits of its product with the golden ratio."""
    return (value * _GOLDEN_RATIO_32 & WORD) >> 32 - bits


def hsiphash(value: int, key: int) -> int:
    """SipHash-1-3 of a 32-bit number (4 bytes, little endian) under the 128-bit key `key, key`, its lower 32 bits.

    This is the kernel's `hsiphash` on 64-bit little-endian machines; 32-bit kernels use HalfSipHash instead, so
    their `mh` tables differ from everyone else's.
    """
    tail = 4 << 56 | value & WORD
    v0, v1 = key ^ 0x736F_6D65_7073_6575, key ^ 0x646F_7261_6E64_6F6D
    v2, v3 = key ^ 0x6C79_6765_6E65_7261, key ^ 0x7465_6462_7974_6573 ^ tail
    v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    v0, v2 = v0 ^ tail, v2 ^ 0xFF
    for _ in range(3):
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    return (v0 ^ v1 ^ v2 ^ v3) & WORD


def _round(v0: int, v1: int, v2: int, v3: int) -> tuple[int, int, int, int]:
    v0, v2 = v0 + v1 & _LONG, v2 + v3 & _LONG
    v1, v3 = _rotate(v1, 13) ^ v0, _rotate(v3, 16) ^ v2
    v0 = _rotate(v0, 32)
    v2, v0 = v2 + v1 & _LONG, v0 + v3 & _LONG
    v1, v3 = _rotate(v1, 17) ^ v2, _rotate(v3, 21) ^ v0
    return v0, v1, _rotate(v2, 32), v3


def _rotate(value: int, bits: int) -> int:
    return (value << bits | value >> 64 - bits) & _LONG
