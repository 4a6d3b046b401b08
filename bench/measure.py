"""The measurement: visits every cell of the table, subject by case, in random order, until enough chunks were quiet.

A round visits each cell once, so whatever drifts, drifts for all. A visit makes the case's flows known, then times
some chunks of packets, and holds what was counted against what the case says.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.cases import ACK, BY_NAME, FLOW_NUMBERS, Case
from bench.samples import Sample, quiet, quiet_limit
from bench.stand import Stand
from bench.subjects import TABLE_FLOWS, Subject
from carom.model import Protocol

HOT = BY_NAME["tcp4_4k"].flows
"""A hot flow is one of so many, another for each chunk: where in its bucket a flow stands is a matter of luck."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure."""

    rounds: int
    """That visit every cell; more follow for cells that lack quiet chunks."""
    chunks: int
    """A visit."""
    packets: int
    """A chunk."""
    enough: int
    """Quiet chunks of a cell."""
    seconds: float
    """After the first round no visit begins later than this."""


FULL = Effort(rounds=5, chunks=4, packets=50_000, enough=12, seconds=150)
QUICK = Effort(rounds=2, chunks=4, packets=30_000, enough=4, seconds=30)


@dataclass(slots=True)
class Cell:
    """One subject under one case."""

    subject: Subject
    case: Case
    samples: list[Sample] = field(default_factory=list)
    fault: str = ""
    """Why its samples mean nothing; empty: they do."""
    astray: dict[str, float] = field(default_factory=dict)
    """The share of packets that did otherwise than the case says, by what they did; of each visit's the largest."""

    def hold(self, astray: dict[str, float]) -> None:
        """Notes what packets of one visit did otherwise; too many of them are a fault."""
        self.astray |= {what: max(share, self.astray.get(what, 0)) for what, share in astray.items()}
        if any(share > self.subject.tolerance for share in astray.values()):
            self.fault = "not what the case says: " + shares(astray)


def measure(stand: Stand, cells: Sequence[Cell], effort: Effort, say: Callable[[str], None]) -> float:
    """Fills in the cells' samples or faults; the slowest reference that counts as quiet."""
    began = time.monotonic()
    references = [stand.speed() for _ in range(50)]
    todo, rounds = list(cells), 0
    while todo:
        random.shuffle(todo)
        for cell in todo:
            if rounds and time.monotonic() - began > effort.seconds:
                return quiet_limit(references)
            references += _visit(stand, cell, effort)
        rounds += 1
        limit = quiet_limit(references)
        sound = [cell for cell in cells if not cell.fault]
        lacking = [cell for cell in sound if len(quiet(cell.samples, limit)) < effort.enough]
        say(f"round {rounds}: {time.monotonic() - began:.0f} s, {len(sound) - len(lacking)} of {len(sound)} cells done")
        todo = sound if rounds < effort.rounds else lacking
    return quiet_limit(references)


def shares(astray: dict[str, float]) -> str:
    """What packets did instead, in words."""
    return ", ".join(f"{share:.1%} {what}" for what, share in astray.items())


def _visit(stand: Stand, cell: Cell, effort: Effort) -> list[float]:
    """Times some chunks; the references taken meanwhile."""
    case, subject = cell.case, cell.subject
    stand.aim(subject.program(case))
    _prepare(stand, cell)
    if not cell.samples and (fault := _frame_fault(stand, cell)):
        cell.fault = fault
        return []
    _chunk(stand, cell, effort.packets)  # caches and branch predictors
    before = subject.tally()
    references, costs = [stand.speed()], []
    for _ in range(effort.chunks):
        costs.append(_chunk(stand, cell, effort.packets))
        references.append(stand.speed())
    counted = subject.tally()
    counted.subtract(before)
    packets = effort.packets * effort.chunks
    cell.hold({what: count / packets for what, count in subject.astray(case, counted, packets).items() if count})
    cell.samples += [Sample(max(references[n : n + 2]), cost) for n, cost in enumerate(costs)]
    return references


def _prepare(stand: Stand, cell: Cell) -> None:
    """Before hits every flow has had its handshake; before new flows the table is full, as in a flood it is."""
    case = cell.case
    is_empty = cell.subject.forget()
    cell.subject.tick()
    if case.is_warmed:
        handshake = cell.subject.handshake if case.protocol is Protocol.TCP else (ACK,)
        stand.open(case, max(case.flows, HOT), handshake)
    elif case.is_endless and (not cell.samples or (is_empty and case.begins_flows)):
        stand.flood(case, TABLE_FLOWS)


def _frame_fault(stand: Stand, cell: Cell) -> str:
    flow = random.randrange(cell.case.flows or FLOW_NUMBERS)
    verdict, before, after = stand.one(cell.case, flow)
    return cell.subject.frame_fault(cell.case, verdict, before, after)


def _chunk(stand: Stand, cell: Cell, packets: int) -> float:
    cell.subject.tick()
    if cell.case.is_endless:
        return stand.flood(cell.case, packets)
    if cell.case.flows == 1:
        return stand.repeat(cell.case, random.randrange(HOT), packets)
    return stand.scatter(cell.case, packets)
