"""Garbage: collecting what refers to itself, without ever stopping the daemon for long.

Python frees most things the moment nobody refers to them. What is left are cycles, of which a daemon makes few: some
for each connection. A collection finds them by looking through everything that is not frozen, and stops all threads
meanwhile, which for the million objects of 100,000 real servers takes half a second. A director of usual size has
Python do it whenever it likes. For a large one it is done by hand, once a second in quiet moments: after another
configuration has come, what there is then is frozen first, that is looked through no more, and freed all the same once
nobody refers to it. While a configuration is read or carried out there is no collection at all, of any size: whether it
is a large one is known only once it has been read.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from carom.model import Config

EVERY = 1.0
"""Seconds between two looks."""
LARGE = 5_000
"""Real servers from which on a configuration is large."""
MANY = 20_000
"""Blocks of memory: who has made or freed more of them since the last look is at work on something large."""
PATIENCE = 5
"""Looks in a row that find somebody at work, at most, before it is done all the same."""
LONG = 0.005
"""Seconds from which on a collection took too long: what it has left is looked through no more."""


class Garbage:
    """The process's garbage. (Objects could be counted, but whoever lists them breaks tuples that are being made.)"""

    def __init__(self) -> None:
        gc.freeze()
        gc.disable()  # until the first look: what begins may be large
        self._config: Config | None = None
        self._blocks = sys.getallocatedblocks()
        self._stale = False
        """Whether another configuration has come since the last freeze."""
        self._waited = 0
        self._held = 0
        """How many are at work on a configuration."""

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nothing is collected meanwhile, nor afterwards until a look has seen what has come of it."""
        self._held += 1
        gc.disable()
        try:
            yield
        finally:
            self._held -= 1

    async def collect_forever(self, config: Callable[[], Config]) -> None:
        """Until cancelled; `config` is what runs."""
        while True:
            await asyncio.sleep(EVERY)
            self.look(config())

    def look(self, config: Config) -> None:
        """Freeze, or collect, or leave it to Python, or wait for a quiet moment."""
        busy = self._busy()
        if config is not self._config:
            self._config, self._stale = config, True
        if busy and not gc.isenabled():
            return
        if sum(len(service.reals) for service in config.services) < LARGE:
            gc.enable()
        elif gc.isenabled():
            gc.disable()
        elif self._stale:
            self._stale = False
            gc.freeze()
        else:
            _collect()

    def _busy(self) -> bool:
        """Whether somebody seems to be at work on something large; not for ever."""
        before, self._blocks = self._blocks, sys.getallocatedblocks()
        busy = bool(self._held) or (abs(self._blocks - before) > MANY and self._waited < PATIENCE)
        self._waited = self._waited + 1 if busy and not self._held else 0
        return busy


def _collect() -> None:
    began = time.perf_counter()
    gc.collect()
    if time.perf_counter() - began > LONG:
        gc.freeze()
