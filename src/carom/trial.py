"""A trial: a configuration that is being carried out, with the way back kept until it has been."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from carom.core.world import World
from carom.errors import DataPlaneError
from carom.events import Fact
from carom.model import Config


class Trial:
    """One change of the configuration. For the event loop's thread."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._before: World | None = None
        """What to go back to; None: it has not begun."""
        self._heard: list[Fact] = []

    @property
    def begun(self) -> bool:
        return self._before is not None

    def begin(self, before: World) -> None:
        """From now on it is tried, after this world."""
        self._before = before

    def hear(self, facts: Sequence[Fact]) -> None:
        """This was heard meanwhile, and would have been without it."""
        if self.begun:
            self._heard += facts

    @property
    def way_back(self) -> tuple[World, Sequence[Fact]]:
        """The world before it, and what has been heard since."""
        if self._before is None:
            raise RuntimeError("there is no way back before a trial has begun")
        return self._before, self._heard

    def succeed(self) -> None:
        self._done.set_result(None)

    def fail(self, error: Exception) -> None:
        self._done.set_exception(error if isinstance(error, DataPlaneError) else DataPlaneError(str(error)))

    async def outcome(self) -> None:
        """Returns when it has succeeded. Raises DataPlaneError. It goes on also if whoever waits goes away."""
        await asyncio.shield(self._done)
