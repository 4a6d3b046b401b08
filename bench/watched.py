"""caromd with an eye on its event loop: how long at a time it answers nobody. For benchmarks and tests.

    python -m bench.watched FILE CAROMD-ARGUMENTS...

A beat every few milliseconds tells how late it is. Each late one is a line of FILE: when (CLOCK_MONOTONIC), for how
many seconds, and how much processor time meanwhile went to the event loop's thread and to the whole process. It runs
before all other processes, so that what is measured is its own work. With CAROM_WATCH_STACKS set, stderr has the stack
that kept the loop for long, and every long collection of garbage.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import signal
import sys
import time
import traceback
from collections.abc import Coroutine
from pathlib import Path
from typing import IO, Any

from carom import daemon

BEAT = 0.005
"""Seconds from one beat to the next."""
WORTH_A_LINE = 0.002
"""Seconds of lateness."""
TELLING = 0.03
"""Seconds after which the stacks are written, where that is asked for."""


async def beat(out: IO[str], *, stacks: bool) -> None:
    """Beat until cancelled."""
    while True:
        due, own, all_ = time.monotonic() + BEAT, time.thread_time(), time.process_time()
        if stacks:
            signal.setitimer(signal.ITIMER_REAL, BEAT + TELLING)
        await asyncio.sleep(BEAT)
        if (late := time.monotonic() - due) > WORTH_A_LINE:
            spent = time.thread_time() - own, time.process_time() - all_
            if stacks and late > TELLING:
                tell_threads(late)
            out.write(f"{due:.6f} {late:.6f} {spent[0]:.6f} {spent[1]:.6f}\n")


def tell_threads(late: float) -> None:
    """Where the others are: whoever has kept the interpreter to itself has only just let go of it."""
    for frame in sys._current_frames().values():  # noqa: SLF001 - there is no other way
        if frame.f_code.co_name not in ("tell_threads", "_worker"):
            sys.stderr.write(f"{1000 * late:.0f} ms: {' < '.join(traceback.format_stack(frame)[:-6:-1])}\n")


def come_first() -> None:
    """Before all other processes. (A real-time scheduler would too, but stops whoever uses it for 50 ms a second.)"""
    os.setsid()
    os.setpriority(os.PRIO_PROCESS, 0, -20)
    group = Path("/proc/self/autogroup")
    if group.exists():
        group.write_text("-20")


def tell_collections() -> None:
    """Every collection of garbage stops all threads."""
    began = 0.0

    def note(phase: str, found: dict[str, int]) -> None:
        nonlocal began
        if phase == "start":
            began = time.perf_counter()
        elif (took := time.perf_counter() - began) > TELLING / 3:
            sys.stderr.write(f"collected generation {found['generation']} in {1000 * took:.0f} ms\n")

    gc.callbacks.append(note)


def main() -> int:
    """Run caromd on the remaining arguments."""
    run = asyncio.run
    come_first()
    stacks = "CAROM_WATCH_STACKS" in os.environ
    if stacks:
        faulthandler.register(signal.SIGALRM, all_threads=False)
        tell_collections()

    def watched(work: Coroutine[Any, Any, Any]) -> Any:
        async def both() -> Any:
            heart = asyncio.create_task(beat(out, stacks=stacks))
            try:
                return await work
            finally:
                heart.cancel()

        return run(both())

    with open(sys.argv[1], "a", buffering=1, encoding="ascii") as out:  # noqa: PTH123 - as plain as it gets
        asyncio.run = watched  # type: ignore[assignment]
        return daemon.main(sys.argv[2:])


if __name__ == "__main__":
    raise SystemExit(main())
