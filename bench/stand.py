"""The stand: runs packets of a case through a program, and says what each cost.

Time is the CPU time of this thread, so neither sleep nor another process counts. One BPF_PROG_TEST_RUN is many
packets: the kernel's loop calls `bpf/wrap.bpf.c`, which makes the next packet and goes on to the program under test.

Source: https://docs.kernel.org/bpf/bpf_prog_run.html
"""

from __future__ import annotations

import ctypes as c
import os
import socket
import struct
import subprocess
import time
from collections.abc import Sequence

from bench import cases, objects, walk
from bench.cases import Case
from carom.dataplane.xdp.layout import key
from carom.dataplane.xdp.libbpf import XDP_FLAGS_DRV_MODE, Object, Program
from carom.errors import UnsupportedError

REFERENCE_PACKETS = 60_000
FIRST_FRESH = cases.FLOW_NUMBERS >> 4
"""Flows from this number on belong to no case that knows its flows."""
AT_ONCE = 1 << 12
"""Half a million flows that are half-open at once would be a SYN flood, and be treated as one."""
_CLONE_NEWNET = 0x40000000


class Stand:
    """What all measurements share. To make one moves this thread into a network namespace of its own."""

    def __init__(self) -> None:
        enter_private_namespace()
        wrap, floors = Object(objects.compiled("wrap")), Object(objects.compiled("floors"))
        floors.load_only("floor_swap")
        for object_ in (wrap, floors):
            object_.load()
        self._entries = {4: wrap.program("wrap4"), 6: wrap.program("wrap6")}
        self._reference = floors.program("floor_swap")
        self._under_test = wrap.map("under_test")
        self._walk = walk.shared(wrap.map(".bss"))
        self._fresh = FIRST_FRESH
        self._links = keep_in_dispatcher([*self._entries.values(), self._reference])

    def aim(self, program: Program) -> None:
        """From now on packets go to this program."""
        self._under_test.set(key(0), struct.pack("=I", program.fd))

    def speed(self) -> float:
        """Nanoseconds of a MAC swap just now: is the machine at its usual speed?

        After a program that misses the caches everything is slow for a while; the first packets let that pass.
        """
        frame = bytes(60)
        self._reference.run(frame, REFERENCE_PACKETS)
        began = time.thread_time_ns()
        self._reference.run(frame, REFERENCE_PACKETS)
        return (time.thread_time_ns() - began) / REFERENCE_PACKETS

    def one(self, case: Case, flow: int) -> tuple[int, bytes, bytes]:
        """One packet of this flow: the verdict, the frame as it came, and as it left."""
        self._walk.stay(flow)
        before = cases.frame(case, flow)
        self._walk.carry(before, case.family)
        verdict, after, _ = self._entries[case.family].run(before, 1)
        return verdict, before, after

    def repeat(self, case: Case, flow: int, packets: int) -> float:
        """Packets of one flow; nanoseconds each."""
        self._walk.stay(flow)
        return self._run(case, packets)

    def open(self, case: Case, flows: int, handshake: Sequence[int]) -> None:
        """Each of the first flows sends these TCP flags in turn, and no more than AT_ONCE are half-open at a time."""
        for first in range(0, flows, AT_ONCE):
            for flags in handshake:
                self._walk.sweep(first, min(flows, AT_ONCE))
                self._run(case, min(flows, AT_ONCE), flags)

    def scatter(self, case: Case, packets: int) -> float:
        """Packets of flows drawn at random from those of the case; nanoseconds each."""
        self._walk.scatter(case.flows)
        return self._run(case, packets)

    def flood(self, case: Case, packets: int) -> float:
        """Packets of a new flow each, never seen before; nanoseconds each."""
        if self._fresh + packets > cases.FLOW_NUMBERS:
            self._fresh = FIRST_FRESH
        self._walk.advance(self._fresh)
        self._fresh += packets
        return self._run(case, packets)

    def _run(self, case: Case, packets: int, flags: int | None = None) -> float:
        frame, entry = cases.frame(case, flags=flags), self._entries[case.family]
        self._walk.carry(frame, case.family)
        began = time.thread_time_ns()
        entry.run(frame, packets)
        return (time.thread_time_ns() - began) / packets


def enter_private_namespace() -> None:
    """This thread's own network, empty, gone when the process ends; unshare(2)."""
    if c.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
        raise UnsupportedError(f"no network namespace for the benchmark: {os.strerror(c.get_errno())}; it needs root")


def keep_in_dispatcher(programs: list[Program]) -> list[object]:
    """Attaches each program to a veth.

    A test run of more than one packet puts its program into the kernel's XDP dispatcher and takes it out again, at
    the price of two text pokes and RCU grace periods. A program that is attached somewhere is there already.
    """
    pairs = range(-(-len(programs) // 2))
    lines = "".join(f"link add bench{2 * n} type veth peer name bench{2 * n + 1}\n" for n in pairs)
    subprocess.run(["ip", "-batch", "-"], input=lines, text=True, check=True)
    return [
        program.attach_xdp(socket.if_nametoindex(f"bench{number}"), XDP_FLAGS_DRV_MODE)
        for number, program in enumerate(programs)
    ]
