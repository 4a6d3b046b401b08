"""Thousands of clients at once, and the flow table that knows them, to be held against what is counted."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass

from bench import cases, objects, walk
from bench.stand import enter_private_namespace, keep_in_dispatcher
from carom.core.plan import Plan, RealPlan, ServicePlan
from carom.dataplane.xdp.layout import key
from carom.dataplane.xdp.libbpf import Object
from carom.model import Address, Ports, Protocol, Scheduler
from tests.dataplane.planes import Xdp

SYN, ACK, FIN, RST = 0x02, 0x10, 0x11, 0x04


class Clients:
    """All clients' ends of their connections: they send a segment each, as fast as the kernel can be asked to."""

    def __init__(self, xdp: Xdp, family: int) -> None:
        wrap = Object(objects.compiled("wrap"))
        for name in wrap.program_names():
            wrap.take_frags(name)  # as the program under test does
        wrap.load()
        self._entry, self._walk = wrap.program(f"wrap{family}"), walk.shared(wrap.map(".bss"))
        self._case = cases.BY_NAME[f"tcp{family}_syn"]
        wrap.map("under_test").set(key(0), xdp.loaded.director.fd.to_bytes(4, "little"))

    def settle(self) -> list[object]:
        """For many small sends: in a network namespace that only this thread is in, for as long as what is returned."""
        enter_private_namespace()
        return keep_in_dispatcher([self._entry])

    def send(self, flags: int, first: int, flows: int) -> None:
        frame = cases.frame(self._case, flags=flags)
        self._walk.advance(first)
        self._walk.carry(frame, self._case.family)
        self._entry.run(frame, flows)


@dataclass
class Stand:
    xdp: Xdp
    family: int
    clients: Clients
    before: dict[str, int]
    """Packets by reason."""

    def loads(self) -> dict[int, tuple[int, int]]:
        """By the real server's number: active and inactive flows, as they are counted."""
        numbers = self.xdp.tables.reals.numbers
        return {numbers[r.service, r.address]: (r.active, r.inactive) for r in self.xdp.read().reals}

    def census(self) -> dict[int, tuple[int, int]]:
        """The same, as they stand in the table."""
        stride = {4: 2, 6: 4}[self.family]
        words = array("Q", self.xdp.loaded.maps[f"flows{self.family}"].memory()[:])[stride - 1 :: stride]
        seen = Counter((word >> 16 & 0xFFFFF, 1 <= (word >> 36 & 0x1F) <= 3) for word in words if word)
        return {number: (seen[number, True], seen[number, False]) for number in self.xdp.tables.reals.numbers.values()}

    def new_flows(self) -> dict[int, int]:
        numbers = self.xdp.tables.reals.numbers
        return {numbers[r.service, r.address]: r.new_flows for r in self.xdp.read().reals}

    def ended(self, reason: str) -> int:
        return reasons(self.xdp)[reason] - self.before[reason]

    def total(self) -> tuple[int, int]:
        loads = self.loads().values()
        return sum(active for active, _ in loads), sum(inactive for _, inactive in loads)


def reasons(xdp: Xdp) -> dict[str, int]:
    return {reason.name: reason.counter.packets for reason in xdp.read().reasons}


def a_plan(family: int) -> Plan:
    """Five real servers of five weights."""
    vip = cases.VIPS[family]
    reals = tuple(RealPlan(_address(vip, n), n, bytes((2, 0, 0, 0, 1, n))) for n in range(1, 6))
    ports = (Ports(Protocol.TCP, 80, 80),)
    return Plan((ServicePlan("web", vip, ports, Scheduler.WLC, reals, persistence_mask=vip.max_prefixlen),))


def _address(vip: Address, number: int) -> Address:
    return vip + number


def words_of(stand: Stand) -> array[int]:
    stride = {4: 2, 6: 4}[stand.family]
    return array("Q", stand.xdp.loaded.maps[f"flows{stand.family}"].memory()[:])[stride - 1 :: stride]
