"""The report: the figures as one document for programs, and as tables for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bench.measure import Cell
from bench.samples import Figure, figure
from bench.subjects import FLOORS, REALS, TABLE_FLOWS
from bench.targets import FLOOR_OF, HASHING, TARGETS, Document, Target, Verdict, floor_cost, own_cost, ratio, verdicts
from carom.cli.table import lines

Figures = dict[tuple[str, str], Figure]
"""By the subject's name and the case's."""


def figures(cells: Sequence[Cell], limit: float) -> Figures:
    """The figures of the cells whose samples mean something."""
    return {(cell.subject.name, cell.case.name): figure(cell.samples, limit) for cell in cells if not cell.fault}


def document(figures: Figures, kernel: str, commit: str) -> dict[str, Any]:
    """What `--json` prints: medians in nanoseconds per packet, all of them with the wrapper's cost in it."""
    floors: dict[str, dict[str, float]] = {}
    carom: dict[str, dict[str, float]] = {}
    for (subject, case), value in figures.items():
        table, row, column = (floors, case, subject) if subject in FLOORS else (carom, subject, case)
        table.setdefault(row, {})[column] = round(value.median, 1)
    return {"kernel": kernel, "commit": commit, "floors": floors, "carom": carom}


def ratios(document: Document) -> dict[str, dict[str, float]]:
    """By scheduler and case: own cost by that of the floor it is compared with."""
    return {
        scheduler: {case: round(ratio(document, scheduler, case), 3) for case in measured}
        for scheduler, measured in document["carom"].items()
    }


# ---- for people ----


def text(document: Document, figures: Figures) -> Iterator[str]:
    """The whole report, line by line."""
    schedulers = list(document["carom"])
    yield f"Carom {document['commit']} on Linux {document['kernel']}: {TABLE_FLOWS:,} flows, {REALS} real servers."
    yield ""
    yield "Nanoseconds per packet above a program that drops it (drop: its own, with the wrapper's)"
    yield from _costs(document, figures, schedulers)
    yield ""
    exceptions = ", ".join(f"{case}: {floor}" for case, floor in FLOOR_OF.items())
    yield f"The same as ratios to hash_lru of the case ({exceptions})"
    yield from _ratios(document, schedulers)
    yield ""
    yield f"Targets, at most: hashing schedulers ({', '.join(sorted(HASHING))}) and those that count"
    yield from _targets(document, schedulers)
    if noisy := sorted({case for (_, case), value in figures.items() if not value.quiet}):
        yield ""
        yield f"~ the machine was never quiet long enough: {', '.join(noisy)}"


def _costs(document: Document, figures: Figures, schedulers: Sequence[str]) -> Iterator[str]:
    rows = [("", *FLOORS, *schedulers)]
    for case, floors in document["floors"].items():
        own = [floor_cost(document, case, floor) for floor in FLOORS[1:]]
        cells = [f"{floors['drop']:.1f}", *(f"{cost:.0f}" for cost in own)]
        for scheduler in schedulers:
            value = figures.get((scheduler, case))
            cells.append(_cost(own_cost(document, scheduler, case), value.quiet) if value else "")
        rows.append((case, *cells))
    yield from _table(rows)


def _cost(cost: float, quiet: bool) -> str:
    return f"{'' if quiet else '~'}{cost:.0f}"


def _ratios(document: Document, schedulers: Sequence[str]) -> Iterator[str]:
    known = ratios(document)
    rows = [
        (case, *(f"{known[name][case]:.2f}" if case in known[name] else "" for name in schedulers))
        for case in document["floors"]
    ]
    yield from _table([("", *schedulers), *rows])


def _targets(document: Document, schedulers: Sequence[str]) -> Iterator[str]:
    found = {(name, verdict.target): verdict for name in schedulers for verdict in verdicts(document, name)}
    rows = [("", "hashing", "counting", *schedulers)]
    for target in TARGETS:
        cells = [_verdict(found.get((name, target))) for name in schedulers]
        if any(cells):
            rows.append((_promise(target), f"{target.hashing:g}", f"{target.counting:g}", *cells))
    yield from _table(rows)
    met = sum(verdict.is_met for verdict in found.values())
    yield f"{met} of {len(found)} met" + (", ! the others" if met < len(found) else "")


def _promise(target: Target) -> str:
    return f"{target.case} / {target.against}" if target.against else f"{target.case}, ns"


def _verdict(verdict: Verdict | None) -> str:
    if verdict is None:
        return ""
    return f"{'' if verdict.is_met else '! '}{verdict.measured:.{2 if verdict.target.against else 0}f}"


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield from (f"  {line}" for line in lines(rows, frozenset({0})))
