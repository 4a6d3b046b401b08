"""The subjects: the programs that are measured, floors and Carom alike, and how each proves what it did.

A figure counts only if the counters agree with the case: hits were hits, new flows were new, and the frame left for a
real server with nothing but its MACs changed.
"""

from __future__ import annotations

import ctypes as c
import struct
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Protocol

from bench import objects
from bench.cases import ACK, DIRECTOR, PORTS, SYN, TX, VIPS, Case
from carom.core.plan import Plan, RealPlan, ServicePlan
from carom.dataplane.xdp import counters, program
from carom.dataplane.xdp.features import features_of
from carom.dataplane.xdp.layout import TIMEOUTS, Clock, key
from carom.dataplane.xdp.libbpf import XDP_DROP, XDP_PASS, XDP_TX, Object, Program
from carom.dataplane.xdp.tables import Tables
from carom.errors import UnsupportedError
from carom.model import Address, Ports, Scheduler

FLOORS = ("drop", "swap", "hash_lru", "lru_insert")
NEW_FLOWS = "new flows"
REALS = 32
WEIGHTS = {Scheduler.OVF: 65535}
"""Where it is not 1: ovf takes it for the most flows that a real server may have."""
FLOW_BUCKETS = 1 << 18
"""Of four flows: the same 1,048,576 as the floors' LRU tables."""
TABLE_FLOWS = 1 << 20


class Subject(Protocol):
    """A program to measure."""

    name: str
    handshake: tuple[int, ...]
    """The TCP flags by which it comes to know a flow."""
    tolerance: float
    """The share of packets that may do otherwise than their case says; beyond it a figure means nothing."""

    def program(self, case: Case) -> Program: ...

    def refuses(self, case: Case) -> str:
        """Why it cannot take this case; empty: it can."""

    def tick(self) -> None:
        """Called before every run of packets: whatever keeps time may look at the clock."""

    def forget(self) -> bool:
        """Ends all flows, so that the next case's are alone in the table. False: it makes room by itself."""

    def tally(self) -> Counter[str]:
        """All that it has counted so far, by name."""

    def frame_fault(self, case: Case, verdict: int, frame: bytes, after: bytes) -> str:
        """What is wrong with the way one packet left; empty: nothing."""

    def astray(self, case: Case, counted: Counter[str], packets: int) -> Counter[str]:
        """Of what was counted while so many packets were sent: what does not belong to the case."""


# ---- floors ----


class Floors:
    """The object that holds all floors; they share its tables."""

    def __init__(self) -> None:
        object_ = Object(objects.compiled("floors"))
        object_.load()
        self.programs = {name: object_.program(name) for name in object_.program_names()}
        self.inserted = c.c_uint64.from_buffer(object_.map(".bss").memory())
        for family, vip in VIPS.items():
            for protocol, port in PORTS.items():
                place = vip.packed + struct.pack("!HBx", port, protocol.number)
                object_.map(f"vips{family}").set(place, struct.pack("=Q", 1))


class Floor:
    """One of the programs that Carom is measured against."""

    handshake: tuple[int, ...] = (ACK,)
    tolerance = 0.02  # an LRU table evicts some before it is full

    def __init__(self, name: str, floors: Floors) -> None:
        self.name = name
        self._floors = floors

    def program(self, case: Case) -> Program:
        programs = self._floors.programs
        return programs.get(f"floor_{self.name}") or programs[f"floor_{self.name}{case.family}"]

    def refuses(self, case: Case) -> str:
        return ""

    def tick(self) -> None:
        """Has no clock."""

    def forget(self) -> bool:
        return False  # an LRU table

    def tally(self) -> Counter[str]:
        return Counter(inserted=self._floors.inserted.value)

    def frame_fault(self, case: Case, verdict: int, frame: bytes, after: bytes) -> str:
        swapped = frame[6:12] + frame[:6] + frame[12:]
        if self.name == "drop":
            wanted = XDP_DROP, frame
        elif self.name != "swap" and case.target is not None:
            wanted = XDP_PASS, frame
        else:
            wanted = XDP_TX, swapped
        return "" if (verdict, after) == wanted else f"verdict {verdict}, frame {after.hex()}"

    def astray(self, case: Case, counted: Counter[str], packets: int) -> Counter[str]:
        looks_up = self.name == "hash_lru" or self.name == "lru_insert"
        inserts = looks_up and case.target is None and (self.name == "lru_insert" or case.is_endless)
        return Counter(inserted=abs(counted["inserted"] - (packets if inserts else 0)))


# ---- Carom ----


def _real(family: int, number: int) -> tuple[Address, bytes]:
    base: Address = IPv4Address("198.51.100.0") if family == 4 else IPv6Address("2001:db8:a::")
    return base + number, bytes((2, 0, 0, 0, family, number))


def _services(scheduler: Scheduler) -> list[ServicePlan]:
    """One service for each VIP and protocol, IPv4's first."""
    services = []
    for family, vip in VIPS.items():
        places = [_real(family, number + 1) for number in range(REALS)]
        reals = tuple(RealPlan(address, WEIGHTS.get(scheduler, 1), mac) for address, mac in places)
        for protocol, port in PORTS.items():
            ports = (Ports(protocol, port, port),)
            services.append(ServicePlan(f"{protocol}{family}", vip, ports, scheduler, reals))
    return services


class Director:
    """Carom's program, this build or the one in another file, with one scheduler for all its services."""

    handshake: tuple[int, ...] = (SYN, ACK)
    tolerance = 0.0001  # nobody else is in the table, and no case fills more than half of it

    def __init__(self, scheduler: Scheduler, build: Path = program.OBJECT) -> None:
        self.name = str(scheduler) if build == program.OBJECT else f"{scheduler}@{build.name.partition('.')[0]}"
        self._refused: dict[str, str] = {}
        self._ahead = 0  # seconds
        load = partial(program.load, DIRECTOR, flow_buckets=FLOW_BUCKETS, path=build, frags=False)
        loaded = load()
        self._tables = Tables(loaded.maps, time.monotonic)
        plan = Plan()
        for service in _services(scheduler):
            plan = self._with(plan, service)
        self._loaded = load(features=features_of(plan), maps=loaded.maps)
        self._macs = {_real(family, n + 1)[1] for family in VIPS for n in range(REALS)}

    def _with(self, plan: Plan, service: ServicePlan) -> Plan:
        """The plan with this service in force, or without it where this build refuses it."""
        wish = replace(plan, services=(*plan.services, service))
        try:
            self._tables.apply(wish)
        except UnsupportedError as error:
            self._refused[service.name] = str(error)
            return plan
        return wish

    def program(self, case: Case) -> Program:
        return self._loaded.director

    def refuses(self, case: Case) -> str:
        return self._refused.get(f"{case.protocol}{case.family}", "")

    def tick(self) -> None:
        """The clock that flows are stamped with goes on; the sweeper, a load of its own, stays still."""
        self._loaded.maps["clock"].set(key(0), bytes(Clock(seconds=int(time.monotonic()) + self._ahead)))

    def forget(self) -> bool:
        """The clock jumps past every timeout, and the sweeper takes away what has ended.

        If it did not, flows would be in the way of moves, and live again once the clock had gone round (18 hours).
        """
        self._ahead += max(TIMEOUTS.values()) + 1
        self.tick()
        self._loaded.sweep.call()
        return True

    def tally(self) -> Counter[str]:
        reading = counters.read(self._loaded, self._tables.reals)
        counted = Counter({reason.name: reason.counter.packets for reason in reading.reasons})
        counted[NEW_FLOWS] = sum(real.new_flows for real in reading.reals)
        return counted

    def frame_fault(self, case: Case, verdict: int, frame: bytes, after: bytes) -> str:
        if case.verdict != TX:
            sound = (verdict, after) == (XDP_PASS, frame)
        else:
            sound = verdict == XDP_TX and after[:6] in self._macs and after[6:] == DIRECTOR + frame[12:]
        return "" if sound else f"verdict {verdict}, frame {after.hex()}"

    def astray(self, case: Case, counted: Counter[str], packets: int) -> Counter[str]:
        new_flows = abs(counted[NEW_FLOWS] - (packets if case.begins_flows else 0))
        ends = {reason: count for reason, count in counted.items() if reason not in case.ends}
        return Counter(ends | {NEW_FLOWS: new_flows})
