"""The data planes under test, each played to in the same words: apply a plan, set the clock, send a frame."""

from __future__ import annotations

import struct
from typing import Protocol

from carom.core.explain import Question, Sight
from carom.core.flows import Wanted
from carom.core.plan import Plan
from carom.dataplane.fake.plane import FakeDataPlane
from carom.dataplane.fake.walk import End, Verdict, walk
from carom.dataplane.xdp import counters, libbpf, program
from carom.dataplane.xdp.explain import explain
from carom.dataplane.xdp.flows import FlowTables
from carom.dataplane.xdp.layout import ALL_FEATURES, key
from carom.dataplane.xdp.tables import Tables
from carom.model import Address
from carom.ports import FlowCount, FlowSlice, Reading
from tests.dataplane.frames import DIRECTOR

VERDICTS = {
    libbpf.XDP_TX: Verdict.TX,
    libbpf.XDP_REDIRECT: Verdict.REDIRECT,
    libbpf.XDP_PASS: Verdict.PASS,
    libbpf.XDP_DROP: Verdict.DROP,
}
LOOPBACK = 1
"""Stands in for the inside NIC: a test run sends nothing."""


class PlaneUnderTest(Protocol):
    def apply(self, plan: Plan) -> None: ...

    def at(self, second: int) -> None:
        """It is this second now, for flows and their timeouts."""

    def send(self, frame: bytes) -> End: ...

    def read(self) -> Reading: ...

    def flows(self, wanted: Wanted, place: int, most: int) -> FlowSlice: ...

    def count_flows(self, wanted: Wanted, place: int) -> FlowCount: ...

    def explain(self, question: Question) -> Sight: ...

    def close(self) -> None: ...


class Oracle:
    """The fake data plane."""

    def __init__(self, inside: bytes | None = None, inside_mtu: int = 0) -> None:
        self.plane = FakeDataPlane(DIRECTOR, inside_mac=inside, inside_mtu=inside_mtu)
        self.apply, self.read, self.close = self.plane.apply, self.plane.read, self.plane.close
        self.flows, self.count_flows, self.explain = self.plane.flows, self.plane.count_flows, self.plane.explain

    def at(self, second: int) -> None:
        self.plane.at(second)

    def send(self, frame: bytes) -> End:
        return walk(self.plane, frame)


class Xdp:
    """The real program, through BPF_PROG_TEST_RUN; no timer runs, so the test is the clock."""

    def __init__(
        self,
        flow_buckets: int = 1 << 10,
        inside: bytes | None = None,
        features: int = ALL_FEATURES,
        inside_mtu: int = 0,
    ) -> None:
        nic = program.Nic(LOOPBACK, inside, inside_mtu) if inside else None
        self.loaded = program.load(DIRECTOR, None, flow_buckets, features, inside=nic)
        self._explainer: libbpf.Program | None = None
        self._monotonic = 0.0
        self.tables = Tables(self.loaded.maps, self._clock)
        self._before = self.reasons()

    def reset(self) -> None:
        """As if just loaded, without the verifier's toil: no service, no flow, no count of flows."""
        self.loaded.maps["loads"].clear(key(0))
        self.apply(Plan())
        self.tables.forget_gone()
        self.loaded.maps["icmp_sent"].set(key(0), bytes(8))
        self._zero("syncap")
        fragments = self.loaded.maps["fragments"]
        for name in [name for name, _ in fragments.items()]:
            fragments.delete(name)
        self._zero("flows4")
        self._zero("flows6")

    def _zero(self, name: str) -> None:
        """An array's values that are not."""
        array = self.loaded.maps[name]
        for index, value in list(array.items()):
            if any(value):
                array.clear(index)

    def _clock(self) -> float:
        """Every look is a minute later: what rests may be used again at once, since no packet is under way."""
        self._monotonic += 60
        return self._monotonic

    def apply(self, plan: Plan) -> None:
        self.tables.apply(plan)

    def at(self, second: int) -> None:
        self.loaded.maps["clock"].set(key(0), struct.pack("=IIQ", second, 0, 0))
        self.loaded.sweep.call()

    def send(self, frame: bytes) -> End:
        verdict, after, _ = self.loaded.director.run(frame)
        counted, self._before = self._before, self.reasons()
        (number,) = [n for n, packets in enumerate(self._before) if packets != counted[n]]
        return End(VERDICTS[libbpf_verdict(verdict)], self.loaded.reasons[number].name, after)

    def reasons(self) -> list[int]:
        """Packets, by the reason's number."""
        table = self.loaded.maps["reasons"]
        return [
            sum(struct.unpack_from("=Q", value)[0] for value in table.per_cpu_values(values))
            for _, values in table.items()
        ]

    def read(self) -> Reading:
        return counters.read(self.loaded, self.tables.reals)

    def flows(self, wanted: Wanted, place: int, most: int) -> FlowSlice:
        return self._flow_tables().flows(wanted, place, most)

    def count_flows(self, wanted: Wanted, place: int) -> FlowCount:
        return self._flow_tables().count_flows(wanted, place)

    def explain(self, question: Question) -> Sight:
        if self._explainer is None:
            self._explainer = program.load_explainer(self.loaded)
        return explain(self.loaded, self._explainer, self.tables, question)

    def _flow_tables(self) -> FlowTables:
        return FlowTables(self.loaded.maps, self.tables.vips, self.tables.reals)

    def close(self) -> None:
        if self._explainer is not None:
            self._explainer.close()
        self.loaded.close()


def libbpf_verdict(number: int) -> int:
    assert number in VERDICTS, f"XDP verdict {number} is none of ours"
    return number


def load_of(reading: Reading, address: Address) -> tuple[int, int]:
    """Active and inactive flows of a real server, over all services."""
    reals = [real for real in reading.reals if real.address == address]
    return sum(real.active for real in reals), sum(real.inactive for real in reals)
