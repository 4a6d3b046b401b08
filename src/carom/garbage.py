"""Garbage: collecting what refers to itself, without ever stopping the daemon for long.

Python frees most things the moment nobody refers to them. What is left are cycles, of which a daemon makes few: some
for each connection. A collection finds them by looking through everything that is not frozen, and stops all threads
meanwhile, which for the million objects of 100,000 real servers takes half a second. So it is done by hand, every few
seconds, and only where little is new; where much is, that is a new configuration or its like, and is frozen instead:
looked through no more, and freed all the same once nobody refers to it.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time

EVERY = 2.0
"""Seconds between two looks."""
MANY = 20_000
"""New blocks of memory from which on looking through them takes too long: 20,000 objects take some milliseconds."""
LONG = 0.005
"""Seconds from which on a collection took too long: what it has left is looked through no more."""


def begin() -> None:
    """From now on `collect_forever` does it; what there is already lasts."""
    gc.disable()
    gc.freeze()


async def collect_forever() -> None:
    """Until cancelled."""
    known = sys.getallocatedblocks()
    while True:
        await asyncio.sleep(EVERY)
        known = look(known)


def look(known: int) -> int:
    """Collect, or freeze; `known` is how many blocks there were at the last look that have been looked through."""
    if sys.getallocatedblocks() - known > MANY:
        gc.freeze()
        return sys.getallocatedblocks()
    began = time.perf_counter()
    gc.collect()
    if time.perf_counter() - began > LONG:
        gc.freeze()
    return min(known, sys.getallocatedblocks())
