"""End processes for certain, and know when they have ended; pidfd_open(2)."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterable
from contextlib import ExitStack


def kill(pids: Iterable[int], seconds: float) -> set[int]:
    """Send SIGKILL to all of them and wait until they have ended; those that have not within so many seconds."""
    deadline = time.monotonic() + seconds
    with ExitStack() as opened:
        alive = {}
        for pid in pids:
            try:
                process = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            opened.callback(os.close, process)
            signal.pidfd_send_signal(process, signal.SIGKILL)
            alive[process] = pid
        while alive and (left := deadline - time.monotonic()) > 0:
            for ended in select.select(list(alive), [], [], left)[0]:
                del alive[ended]
    return set(alive.values())
