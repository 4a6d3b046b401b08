"""The fuzz for as long as wanted: `./dev fuzz --packets 10000000 --seed 7 --jobs 2`.

Ends with 0 when nothing disagreed, 1 otherwise. Says how many packets of each kind ended for which reason, so that a
run that only made nonsense is seen as such. `--story` tells one again, and `--reach` names lines of the oracle that a
hundred stories' beginnings do not reach.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event

from tests.dataplane.planes import Xdp
from tests.fuzz import reach
from tests.fuzz.duet import FLOW_BUCKETS, Duet, Programs, Tally
from tests.fuzz.report import table
from tests.fuzz.shrink import record, shortest
from tests.fuzz.story import STORY, story

EVERY = 10
"""Seconds between two words about how far it is."""


@dataclass
class Told:
    """What came of one story."""

    tally: Tally = field(default_factory=Tally)
    found: str = ""


def tell(programs: Programs, name: str) -> Told:
    """Tells one story; where it disagrees, its shortest form."""
    steps, fitted = list(story(name, STORY)), is_fitted(name)
    duet = Duet(programs, fitted=fitted)
    found = duet.play(steps)
    if not found:
        return Told(duet.tally)
    kept, last = shortest(steps[: found.step + 1], lambda part: Duet(programs, fitted=fitted).play(part, slowly=True))
    return Told(duet.tally, f"story {name}, {found.what}\n\nat its shortest:\n{record(kept, last)}\n")


def is_fitted(name: str) -> bool:
    """Every fourth story is told to programs that are fitted to its plans."""
    return int(name.rpartition(":")[2]) % 4 == 3


def work(seed: str, numbers: range, told: multiprocessing.Queue[Told], stop: Event) -> None:
    """One process's stories, for as long as somebody listens."""
    programs, parent = Programs(Xdp(FLOW_BUCKETS)), os.getppid()
    for number in numbers:
        if stop.is_set() or os.getppid() != parent:
            break
        told.put(tell(programs, f"{seed}:{number}"))


def all_told(seed: str, stories: int, jobs: int) -> Iterator[Told]:
    """All stories, in as many processes; ends early with a process that fails."""
    told: multiprocessing.Queue[Told] = multiprocessing.Queue()
    stop = multiprocessing.Event()
    shares = [range(job, stories, jobs) for job in range(jobs)]
    workers = [multiprocessing.Process(target=work, args=(seed, share, told, stop)) for share in shares]
    for worker in workers:
        worker.start()
    try:
        for _ in range(stories):
            yield _next(told, workers)
    finally:
        stop.set()
        for worker in workers:
            worker.terminate()


def _next(told: multiprocessing.Queue[Told], workers: list[multiprocessing.Process]) -> Told:
    while told.empty() and not any(worker.exitcode for worker in workers):
        workers[0].join(0.2)
    return told.get(timeout=5)


def run(seed: str, packets: int, jobs: int) -> int:
    began = spoke = time.monotonic()
    whole, disagreements = Tally(), 0
    for told in all_told(seed, -(-packets // STORY), jobs):
        whole.add(told.tally)
        if told.found:
            disagreements += 1
            print(told.found, flush=True)  # noqa: T201
        if time.monotonic() - spoke > EVERY:
            spoke = time.monotonic()
            rate = whole.packets / (spoke - began)
            print(f"{whole.packets:,} packets, {rate:,.0f} a second", file=sys.stderr, flush=True)  # noqa: T201
    took = time.monotonic() - began
    print("\n".join(table(whole)))  # noqa: T201
    print(  # noqa: T201
        f"{whole.packets:,} packets, {whole.changes:,} changes of the plan and {whole.waits:,} waits in {took:,.0f} s, "
        f"seed {seed}: {disagreements or 'no'} disagreement{'s' if disagreements > 1 else ''}"
    )
    return 1 if disagreements else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev fuzz", description="program and oracle, told the same random stories")
    parser.add_argument("--packets", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--seed", default="1", help="the same seed tells the same stories")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes")
    parser.add_argument("--story", metavar="SEED:NUMBER", help="tell this one only")
    parser.add_argument("--reach", action="store_true", help="say which lines of the oracle are not reached")
    options = parser.parse_args()
    if options.reach:
        print("\n".join(reach.unreached(options.seed)))  # noqa: T201
        return 0
    if options.story:
        told = tell(Programs(Xdp(FLOW_BUCKETS)), options.story)
        print(told.found or f"{options.story}: no disagreement")  # noqa: T201
        return 1 if told.found else 0
    return run(options.seed, options.packets, options.jobs)


if __name__ == "__main__":
    raise SystemExit(main())
