"""Program and oracle, side by side: each step is played to both, and the first thing in which they differ is told.

Besides agreeing, they keep three promises: a packet leaves for no MAC that was not in the plan; nothing above Ethernet
changes but where the director itself answers; and every packet that came in is counted under exactly one reason.
"""

from __future__ import annotations

import ctypes as c
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from carom.core.plan import Plan
from carom.dataplane.fake.packet import untagged
from carom.dataplane.fake.walk import End, Verdict
from carom.dataplane.xdp import libbpf, program
from carom.dataplane.xdp.features import features_of
from carom.dataplane.xdp.layout import ALL_FEATURES
from carom.errors import BpfError
from carom.model import Address, Timeouts
from carom.ports import Reading
from tests.dataplane.frames import DIRECTOR
from tests.dataplane.planes import VERDICTS, Oracle, Xdp
from tests.fuzz.story import BEGIN, Change, Send, Step, Wait

ANSWERS = frozenset({"arp_answered", "nd_answered", "echo_answered", "unreachable", "too_big_told"})
"""Reasons for which the director makes a packet of its own out of the one that came."""
ALL_NODES = bytes.fromhex("333300000001")
"""Where the answer goes to a station that has no address yet."""
FLOW_BUCKETS = 1 << 12
"""So many that no story fills them: what becomes of a full table is no question for the oracle."""
MOST_PROGRAMS = 8
"""To load one takes seconds."""
LARGEST = 4096


@dataclass(frozen=True, slots=True)
class Disagreement:
    """What differs, and after how many of the steps that were played."""

    what: str
    step: int
    frame: bytes = b""
    """The packet, where it is known which."""


@dataclass(slots=True)
class Tally:
    """What packets were played, and how they ended."""

    packets: int = 0
    changes: int = 0
    waits: int = 0
    ends: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By kind and reason."""

    def add(self, other: Tally) -> None:
        self.packets += other.packets
        self.changes += other.changes
        self.waits += other.waits
        self.ends.update(other.ends)


class Runner:
    """One program's test run, with buffers of its own: ten times as fast as `Program.run`."""

    def __init__(self, program: libbpf.Program) -> None:
        self._source, self._target = c.create_string_buffer(LARGEST), c.create_string_buffer(2 * LARGEST)
        self._from, self._to = c.addressof(self._source), c.addressof(self._target)
        self._options = libbpf._TestRunOptions(sz=c.sizeof(libbpf._TestRunOptions), repeat=1)
        self._options.data_in, self._options.data_out = self._from, self._to
        self._run, self._call = libbpf._library().bpf_prog_test_run_opts, (program.fd, c.byref(self._options))

    def __call__(self, frame: bytes) -> tuple[int, bytes]:
        """The verdict, and the frame as it left."""
        options, size = self._options, len(frame)
        c.memmove(self._from, frame, size)
        options.data_size_in, options.data_size_out = size, 2 * LARGEST
        if (result := self._run(*self._call)) < 0:
            raise BpfError(f"run the director with {size} bytes: {os.strerror(-result)}", -result)
        return options.retval, c.string_at(self._to, options.data_size_out)


class Programs:
    """The program, as it is with all its features, and fitted to a plan on the same maps."""

    def __init__(self, xdp: Xdp) -> None:
        self.xdp = xdp
        self._runners = {ALL_FEATURES: Runner(xdp.loaded.director)}

    def whole(self) -> Runner:
        return self._runners[ALL_FEATURES]

    def fitted(self, plan: Plan) -> Runner:
        """One that can do what the plan needs, now that it stands, and no more; once there are many, little more."""
        features = features_of(plan) | self.xdp.tables.finishing
        if features not in self._runners and len(self._runners) == MOST_PROGRAMS:
            features = min((has for has in self._runners if has & features == features), key=int.bit_count)
        if features not in self._runners:
            maps = self.xdp.loaded.maps
            loaded = program.load(DIRECTOR, flow_buckets=FLOW_BUCKETS, features=features, maps=maps)
            self._runners[features] = Runner(loaded.director)
        return self._runners[features]


class Duet:
    """Program and oracle at the beginning of a story. `fitted`: each plan gets a program of its own, as in a daemon."""

    def __init__(self, programs: Programs, *, fitted: bool = False) -> None:
        self.xdp, self.oracle, self.tally = programs.xdp, Oracle(), Tally()
        self.xdp.reset()
        self._now, self._timeouts = BEGIN, Timeouts()
        self._wait(BEGIN)
        self._programs, self._fitted = programs, fitted
        self._run = programs.whole()
        self._names = [reason.name for reason in self.xdp.loaded.reasons]
        self._counted = self.xdp.reasons()
        self._macs: set[bytes] = set()

    def play(self, steps: Iterable[Step], *, slowly: bool = False) -> Disagreement | None:
        """Plays the steps until something differs; `slowly`: looks at the reason after each packet."""
        for number, step in enumerate(steps):
            match step:
                case Send(packets):
                    bursts: Iterable[tuple[tuple[str, bytes], ...]] = (
                        [(one,) for one in packets] if slowly else [packets]
                    )
                    found = next(filter(None, map(self._burst, bursts)), None)
                case Change(plan):
                    found = self._change(plan)
                case Wait(second):
                    found = self._wait(second)
            if found:
                return Disagreement(found[0], number, found[1])
        return None

    # ---- steps; each gives what differs, and the packet where that is known

    def _burst(self, packets: tuple[tuple[str, bytes], ...]) -> tuple[str, bytes] | None:
        send, run, ends, expected = self.oracle.send, self._run, self.tally.ends, Counter[str]()
        for kind, frame in packets:
            end = send(frame)
            number, after = run(frame)
            if VERDICTS.get(number) is not end.verdict or after != end.frame:
                return f"the oracle: {_words(end)}\nthe program: XDP {number} {after.hex()}", frame
            if promise := self._broken_promise(frame, end):
                return promise, frame
            ends[kind, end.reason] += 1
            expected[end.reason] += 1
        self.tally.packets += len(packets)
        return self._reasons_differ(expected, packets[-1][1])

    def _broken_promise(self, frame: bytes, end: End) -> str | None:
        if end.verdict is not Verdict.TX:
            return None if end.frame == frame else "it was not sent on, and yet changed"
        if end.reason in ANSWERS:
            return None if end.frame[:6] in (frame[6:12], ALL_NODES) else "the answer goes to somebody else"
        if end.frame[:6] not in self._macs:
            return f"it left for {end.frame[:6].hex(':')}, which was in no plan"
        (_, sent), (_, came) = untagged(end.frame), untagged(frame)
        return None if sent[6:] == DIRECTOR + came[12:] else "more than its MACs and its VLAN changed"

    def _reasons_differ(self, expected: Counter[str], last: bytes) -> tuple[str, bytes] | None:
        before, self._counted = self._counted, self.xdp.reasons()
        counted = Counter(
            {
                name: now - then
                for name, now, then in zip(self._names, self._counted, before, strict=True)
                if now != then
            }
        )
        return None if counted == expected else (f"the oracle's reasons: {expected}\nthe program's: {counted}", last)

    def _change(self, plan: Plan) -> tuple[str, bytes] | None:
        reals = (real for service in plan.services for real in (*service.reals, service.sorry))
        self._macs.update(real.mac for real in reals if real and real.mac)
        self.xdp.apply(plan)
        self.oracle.apply(plan)
        if plan.timeouts != self._timeouts:
            self._timeouts = plan.timeouts
            self._wait(self._now)  # what has ended by the new ones is swept
        if self._fitted:
            self._run = self._programs.fitted(plan)
        self.tally.changes += 1
        return self._counts_differ()

    def _wait(self, second: int) -> tuple[str, bytes] | None:
        self._now = second
        self.xdp.at(second)
        self.oracle.at(second)
        self.tally.waits += 1
        return self._counts_differ()

    def _counts_differ(self) -> tuple[str, bytes] | None:
        """Of every real server in the plan: what it was sent, its flows, and handshakes gone wrong."""
        ours, programs = _counts(self.oracle.read()), _counts(self.xdp.read())
        for name, counts in ours.items():
            if counts != programs.get(name, (0,) * 7):
                return f"{name}: the oracle counts {counts}, the program {programs.get(name)}", b""
        return None


def _words(end: End) -> str:
    return f"{end.verdict} {end.reason} {end.frame.hex()}"


def _counts(reading: Reading) -> dict[tuple[str, Address], tuple[int, ...]]:
    return {
        (real.service, real.address): (
            *(real.counter.packets, real.counter.bytes, real.new_flows),
            *(real.active, real.inactive, real.syns_repeated, real.handshakes_lost),
        )
        for real in reading.reals
    }
