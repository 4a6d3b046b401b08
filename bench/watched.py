"""caromd with an eye on its event loop: how long at a time it answers nobody. For benchmarks and tests.

    python -m bench.watched FILE CAROMD-ARGUMENTS...
    python -m bench.watched FILE

A beat every few milliseconds tells how late it is. Each late one is a line of FILE: when (CLOCK_MONOTONIC), for how
many seconds, and of these for how many the loop's thread was ready and no processor was free (schedstat); then how much
processor time meanwhile went to that thread, to the whole process, and to the longest collection of garbage. It runs
before all other processes, so that what is measured is its own work; what the machine keeps from everybody is seen by
the second form too, the same beat in a process that does nothing else. With CAROM_WATCH_STACKS set, stderr has the
stack that kept the loop for long, and where all other threads were.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import signal
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from types import FrameType
from typing import IO, Any

from carom import daemon

BEAT = 0.005
"""Seconds from one beat to the next."""
WORTH_A_LINE = 0.002
"""Seconds of lateness."""
TELLING = 0.02
"""Seconds after which the stacks are written, where that is asked for."""
SHOWN = 6
"""Calls of a stack."""


class Collections:
    """Collections of garbage: each stops all threads."""

    def __init__(self) -> None:
        self.longest = self._began = 0.0
        gc.callbacks.append(self._note)

    def _note(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.thread_time()
        else:
            self.longest = max(self.longest, time.thread_time() - self._began)


class Queue:
    """For how long this thread has been ready while no processor was free, in seconds; 0 where the kernel keeps no
    account of it (CONFIG_SCHED_INFO)."""

    def __init__(self) -> None:
        account = Path("/proc/thread-self/schedstat")
        self._account = os.open(account, os.O_RDONLY | os.O_CLOEXEC) if account.exists() else None

    def waited(self) -> float:
        return int(os.pread(self._account, 100, 0).split()[1]) / 1e9 if self._account is not None else 0.0


async def beat(out: IO[str], *, stacks: bool) -> None:
    """Beat until cancelled."""
    collections, queue = Collections(), Queue()
    while True:
        collections.longest = 0.0
        due = time.monotonic() + BEAT
        before = queue.waited(), time.thread_time(), time.process_time()
        if stacks:
            signal.setitimer(signal.ITIMER_REAL, BEAT + TELLING)
        await asyncio.sleep(BEAT)
        if (late := time.monotonic() - due) > WORTH_A_LINE:
            after = queue.waited(), time.thread_time(), time.process_time()
            spent = (*(now - then for now, then in zip(after, before, strict=True)), collections.longest)
            if stacks and late > TELLING:
                tell_threads(late, *spent)
            out.write(" ".join(f"{number:.6f}" for number in (due, late, *spent)) + "\n")


def tell_threads(late: float, queue: float, own: float, all_: float, collected: float) -> None:
    """Where the others are: whoever has kept the interpreter to itself has only just let go of it."""
    sys.stderr.write(f"{1e3 * late:.0f} ms, of which {1e3 * queue:.0f} without a processor; ")
    sys.stderr.write(f"worked {1e3 * own:.0f} here, {1e3 * all_:.0f} in all, collected {1e3 * collected:.0f}\n")
    for frame in sys._current_frames().values():  # noqa: SLF001 - there is no other way
        if frame.f_code.co_name not in ("tell_threads", "_worker"):
            sys.stderr.write(f"    {' < '.join(places(frame))}\n")


def places(frame: FrameType | None) -> list[str]:
    """The innermost calls, without the lines' texts, whose reading would keep the loop too."""
    found: list[str] = []
    while frame and len(found) < SHOWN:
        found.append(f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno} {frame.f_code.co_name}")
        frame = frame.f_back
    return found


def come_first() -> None:
    """Before all other processes. (A real-time scheduler would too, but stops whoever uses it for 50 ms a second.)"""
    os.setsid()
    os.setpriority(os.PRIO_PROCESS, 0, -20)
    group = Path("/proc/self/autogroup")
    if group.exists():
        group.write_text("-20")


def main() -> int:
    """Run caromd on the remaining arguments; without any, nothing."""
    run = asyncio.run
    come_first()
    stacks = "CAROM_WATCH_STACKS" in os.environ
    if stacks:
        faulthandler.register(signal.SIGALRM, all_threads=False)

    def watched(work: Coroutine[Any, Any, Any]) -> Any:
        async def both() -> Any:
            heart = asyncio.create_task(beat(out, stacks=stacks))
            try:
                return await work
            finally:
                heart.cancel()

        return run(both())

    with open(sys.argv[1], "a", buffering=1, encoding="ascii") as out:  # noqa: PTH123 - as plain as it gets
        if not sys.argv[2:]:
            run(beat(out, stacks=False))
        asyncio.run = watched  # type: ignore[assignment]
        return daemon.main(sys.argv[2:])


if __name__ == "__main__":
    raise SystemExit(main())
