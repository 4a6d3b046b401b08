"""`./dev bench`: what a packet costs, beside the least it could cost, in one run.

Exit codes: 0 measured, 1 something could not be measured as asked, 2 wrong usage. A missed target is a result.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import click

from bench import endtoend, report
from bench.cases import BY_NAME, Case
from bench.measure import FULL, QUICK, Cell, Effort, measure, shares
from bench.stand import Stand
from bench.subjects import FLOORS, Director, Floor, Floors, Subject
from carom.dataplane.xdp.program import OBJECT
from carom.errors import BpfError, CaromError, UnsupportedError
from carom.model import Scheduler

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench/results"
QUICK_CASES = ("tcp4_hot", "tcp4_128k", "tcp4_512k", "tcp4_syn", "udp4_128k", "tcp6_128k", "pass4")
SCHEDULERS = ("rr", "wrr", "lc", "wlc", "sh", "mh")
"""One of each kind; what a flow costs once it is known differs between kinds only."""
QUICK_SCHEDULERS = ("wlc", "mh")
ALL = "all"
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
NICE = -15
"""Another process's time is not counted, but each switch to one costs warm caches."""
LOG_LINES = 12
"""Of the verifier's, the last ones: they say what it objects to."""
WORTH_TELLING = 0.001
"""The share of packets that did otherwise than their case says."""


class Names(click.ParamType[list[str]]):
    """Some of the known names, with commas between, or `all` of them."""

    name = "NAME,..."

    def __init__(self, known: Sequence[str]) -> None:
        self._known = known

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        names = list(self._known) if value == ALL else value.split(",")
        if unknown := [name for name in names if name not in self._known]:
            self.fail(f"{unknown[0]} is none of {', '.join(self._known)}", param, ctx)
        return [name for name in self._known if name in names]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run has to say."""

    kind: str
    document: dict[str, Any]
    kept: dict[str, Any]
    """What of it is worth keeping, beside the document."""
    lines: list[str]
    """The same for people."""
    notes: list[str] = field(default_factory=list)
    """What was left out or did not go as it should, a sentence each."""
    faults: int = 0


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout and nothing else.")
@click.option("--quick", is_flag=True, help="Only the cases that have targets, two schedulers, less time.")
@click.option("--cases", "case_names", type=Names(list(BY_NAME)), help="Which cases. [default: all]")
@click.option("--schedulers", type=Names(list(Scheduler)), help=f"Which, or all. [default: {','.join(SCHEDULERS)}]")
@click.option("--rounds", type=click.IntRange(1), help="How often each case is visited, at least.")
@click.option("--cpu", type=click.IntRange(0), help="The processor to measure on. [default: the last]")
@click.option("--beside", type=FILE, multiple=True, help="Another build of the program, in the same run: a .bpf.o.")
@click.option("--end-to-end", is_flag=True, help="Packets per second, beside the kernel's own forwarding.")
def command(
    as_json: bool,
    quick: bool,
    case_names: list[str] | None,
    schedulers: list[str] | None,
    rounds: int | None,
    cpu: int | None,
    beside: tuple[Path, ...],
    end_to_end: bool,
) -> None:
    """What a packet costs in Carom's program, beside the least it could cost, all in one run."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0)) if cpu is None else cpu})
    os.setpriority(os.PRIO_PROCESS, 0, NICE)
    if end_to_end:
        outcome = bench_end_to_end(rounds or (3 if quick else 8))
    else:
        cases = [BY_NAME[name] for name in case_names or (QUICK_CASES if quick else BY_NAME)]
        names = [Scheduler(name) for name in schedulers or (QUICK_SCHEDULERS if quick else SCHEDULERS)]
        effort = QUICK if quick else FULL
        outcome = bench(cases, names, (OBJECT, *beside), replace(effort, rounds=rounds) if rounds else effort)
    if as_json:
        click.echo(json.dumps(outcome.document))
        say("\n".join(outcome.notes))
    else:
        click.echo("\n".join((*outcome.lines, "", *outcome.notes)).rstrip())
    if not (quick or case_names or schedulers or beside):
        say(f"kept in {keep(outcome).relative_to(ROOT)}")
    raise SystemExit(1 if outcome.faults else 0)


def say(line: str) -> None:
    """Tells of progress, where it disturbs no document."""
    click.echo(line, err=True, nl=bool(line))


# ---- a packet's cost ----


def bench(cases: Sequence[Case], schedulers: Sequence[Scheduler], builds: Sequence[Path], effort: Effort) -> Outcome:
    """Loads, measures, and judges the counters."""
    notes: list[str] = []
    stand = Stand()
    cells = [cell for subject in _subjects(schedulers, builds, notes) for cell in _cells(subject, cases, notes)]
    gc.disable()
    limit = measure(stand, cells, effort, say)
    gc.enable()
    figures = report.figures(cells, limit)
    document = report.document(figures, os.uname().release, commit())
    notes += _complaints(cells)
    faults = sum(bool(cell.fault) for cell in cells)
    lines = list(report.text(document, figures))
    return Outcome("packets", document, {"ratios": report.ratios(document)}, lines, notes, faults)


def _subjects(schedulers: Sequence[Scheduler], builds: Sequence[Path], notes: list[str]) -> Iterator[Subject]:
    floors = Floors()
    for name in FLOORS:
        yield Floor(name, floors)
    for scheduler, build in product(schedulers, builds):
        try:
            yield Director(scheduler, build)
        except UnsupportedError as error:
            notes.append(f"left out: {scheduler}, since {error}")


def _cells(subject: Subject, cases: Sequence[Case], notes: list[str]) -> list[Cell]:
    refused = {case: why for case in cases if (why := subject.refuses(case))}
    for why in dict.fromkeys(refused.values()):
        names = ", ".join(case.name for case in refused if refused[case] == why)
        notes.append(f"left out: {names} under {subject.name}, since {why}")
    return [Cell(subject, case) for case in cases if case not in refused]


def _complaints(cells: Sequence[Cell]) -> Iterator[str]:
    for cell in cells:
        place = f"{cell.case.name} under {cell.subject.name}"
        if cell.fault:
            yield f"fault: {place}: {cell.fault}"
        elif max(cell.astray.values(), default=0) > WORTH_TELLING:
            yield f"not all packets did what the case says: {place}: {shares(cell.astray)}"


# ---- end to end ----


def bench_end_to_end(rounds: int) -> Outcome:
    """Traffic through a director, in every way there is."""
    rates = endtoend.measure(rounds, say)
    document = {"kernel": os.uname().release, "commit": commit(), "end_to_end": rates}
    return Outcome("end-to-end", document, {}, list(endtoend.text(rates)))


# ---- results ----


def commit() -> str:
    """The commit that is checked out, `-dirty` if something differs from it; `unknown` without git."""
    git = ("git", "-C", ROOT, "-c", f"safe.directory={ROOT}", "describe", "--always", "--dirty", "--exclude=*")
    try:
        return subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def keep(outcome: Outcome) -> Path:
    """Writes the outcome into `bench/results/`, where those of other commits and kernels lie to be compared with."""
    RESULTS.mkdir(exist_ok=True)
    document = outcome.document | outcome.kept
    path = RESULTS / f"{document['commit']}-linux-{document['kernel']}-{outcome.kind}.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    return path


if __name__ == "__main__":
    try:
        command(prog_name="./dev bench")
    except CaromError as error:
        if isinstance(error, BpfError):
            say("\n".join(error.log.splitlines()[-LOG_LINES:]))
        say(f"bench: {error}")
        raise SystemExit(1) from None
