"""Garbage: collecting what refers to itself, without ever stopping the daemon for long.

Python frees most things the moment nobody refers to them. What is left are cycles, of which a daemon makes few: some
for each connection. A collection finds them by looking through everything that is not frozen, and stops all threads
meanwhile, which for the million objects of 100,000 real servers takes half a second. So it is done by hand, in quiet
moments, and only where little is new. Where much has come or gone, that was a new configuration or its like: what there
is then is frozen instead, that is looked through no more, and freed all the same once nobody refers to it.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time

EVERY = 1.0
"""Seconds between two looks."""
MANY = 20_000
"""Blocks of memory: who has made or freed more of them since the last look is at work on something large."""
LONG = 0.005
"""Seconds from which on a collection took too long: what it has left is looked through no more."""


class Garbage:
    """The process's garbage. (Objects could be counted, but whoever lists them breaks tuples that are being made.)"""

    def __init__(self) -> None:
        gc.disable()
        gc.freeze()
        self._known = self._last = sys.getallocatedblocks()
        self._restless = False

    async def collect_forever(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            self.look(sys.getallocatedblocks())

    def look(self, blocks: int) -> None:
        """Collect, or freeze, or wait for a quiet moment; so many blocks of memory are in use."""
        before, self._last = self._last, blocks
        if abs(blocks - before) > MANY:
            self._restless = True
            return
        if self._restless or abs(blocks - self._known) > MANY:
            gc.freeze()
        else:
            self._collect()
        self._restless, self._known = False, blocks

    @staticmethod
    def _collect() -> None:
        began = time.perf_counter()
        gc.collect()
        if time.perf_counter() - began > LONG:
            gc.freeze()
