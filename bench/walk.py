"""The walk: which flows a run's packets belong to. `struct walk` of `bpf/walk.h`, in memory shared with the kernel."""

from __future__ import annotations

import ctypes as c
import random

from bench import cases
from carom.dataplane.xdp.libbpf import Map


class Walk(c.Structure):
    """The next flow's number is `first + (state >> shift & mask)`, after a step of a linear congruential generator."""

    _fields_ = (
        ("state", c.c_uint64),
        ("multiplier", c.c_uint64),
        ("increment", c.c_uint64),
        ("shift", c.c_uint32),
        ("mask", c.c_uint32),
        ("first", c.c_uint32),
        ("network", c.c_uint32),
        ("head", c.c_uint64 * 6),
    )

    def stay(self, flow: int) -> None:
        """Always this flow."""
        self._set(first=flow, mask=0, multiplier=1, increment=0, shift=0)

    def sweep(self, first: int, flows: int) -> None:
        """Each of so many flows in turn, from this one on; a power of two."""
        self._set(first=first, mask=flows - 1, multiplier=1, increment=1, shift=0)

    def scatter(self, flows: int) -> None:
        """Any of the first flows, at random. Knuth's MMIX generator, whose upper bits are the good ones."""
        self._set(first=0, mask=flows - 1, multiplier=6364136223846793005, increment=1442695040888963407, shift=33)

    def advance(self, first: int) -> None:
        """From this flow on, none of them twice."""
        self._set(first=first, mask=cases.FLOW_NUMBERS - 1, multiplier=1, increment=1, shift=0)
        self.state = -1

    def carry(self, frame: bytes, family: int) -> None:
        """The frame that the next clients are written into."""
        self.network = int(cases.NETWORKS[family]) & 0xFFFF_FFFF
        self.head[:5] = [int.from_bytes(frame[at : at + 8], "little") for at in range(0, 40, 8)]

    def _set(self, *, first: int, mask: int, multiplier: int, increment: int, shift: int) -> None:
        self.state = random.getrandbits(64)
        self.multiplier, self.increment = multiplier, increment
        self.shift, self.mask, self.first = shift, mask, first


def shared(bss: Map) -> Walk:
    """The walk of a loaded object, which has nothing else in its `.bss` before it."""
    return Walk.from_buffer(bss.memory())
