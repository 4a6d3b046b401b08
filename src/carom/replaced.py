"""What has been replaced: freed piece by piece, in a thread, once nobody else is likely to hold it.

With the last reference to a whole world and its plan all of it is freed at one go. For 100,000 real servers that keeps
everybody from the interpreter meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from carom.core.planning import Planned

REST = 2.0
"""Seconds for which it is still kept: until then somebody may be looking at it."""
LARGE = 1_000
"""Real servers from which on this is worth the trouble: those are freed in a fraction of a millisecond."""

Work = Callable[[Callable[[], None]], Awaitable[None]]


class Replaced:
    """For the event loop's thread."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[tuple[float, Planned]] = asyncio.Queue()

    def add(self, planned: Planned) -> None:
        if sum(len(service.reals) for service in planned.plan.services) >= LARGE:
            self._waiting.put_nowait((asyncio.get_running_loop().time() + REST, planned))

    async def free_forever(self, work: Work) -> None:
        """Until cancelled; `work` does something in a thread."""
        while True:
            due, *held = await self._waiting.get()
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            await work(partial(_free, held))


def _free(held: list[Planned]) -> None:
    parts = _parts(held.pop())
    while parts:
        parts.pop()


def _parts(planned: Planned) -> list[object]:
    """What a world and its plan consist of: pieces that are quickly freed."""
    world = planned.world
    by_service = (world.services, world.judgements, world.health)
    parts: list[object] = [*planned.plan.services, *world.config.services, *world.neighbours.values()]
    return parts + [part for known in by_service for part in known.values()]
