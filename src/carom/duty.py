"""Duties and troubles: what the engine wants to bring about, and what keeps it from that at present."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from math import inf

from carom.errors import CaromError

log = logging.getLogger(__name__)

RETRY_FIRST, RETRY_LAST = 1.0, 30.0
"""Seconds until what failed is tried again: doubled each time, up to the last."""

Goal = tuple[object, ...]
"""What a duty is for. Two goals are the same if each part of them is the same object, as parts of worlds are."""


class Troubles:
    """What goes wrong at present. Each trouble is logged once, not at every new attempt."""

    def __init__(self) -> None:
        self._sentences: dict[str, str] = {}

    @property
    def sentences(self) -> tuple[str, ...]:
        return tuple(self._sentences.values())

    @contextmanager
    def noting(self, what: str) -> Iterator[None]:
        """No input ends the loop: what goes wrong in here is noted, and no longer once it goes well."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - see above
            self.begin(what, error)
        else:
            self.end(what)

    def begin(self, what: str, error: Exception) -> None:
        foreseen = isinstance(error, CaromError)
        sentence = f"{what}: {error if foreseen else f'{type(error).__name__}: {error}'}"
        if self._sentences.get(what) != sentence:
            log.error("%s", sentence, exc_info=None if foreseen else error)
        self._sentences[what] = sentence

    def end(self, what: str) -> None:
        if self._sentences.pop(what, None):
            log.info("no longer: %s", what)


class Duty:
    """One thing to bring about, for a goal that changes."""

    def __init__(self, trouble: str, clock: Callable[[], float], troubles: Troubles) -> None:
        self.done: Goal | None = None
        """The goal brought about last."""
        self.again_at = inf
        """When the failed goal is to be tried again."""
        self.error: Exception | None = None
        """What the last attempt failed of; None: it did not."""
        self._failed: Goal | None = None
        self._pause = RETRY_FIRST
        self._trouble, self._clock, self._troubles = trouble, clock, troubles

    def due(self, goal: Goal) -> bool:
        if _same(goal, self.done):
            return False
        return not _same(goal, self._failed) or self._clock() >= self.again_at

    async def pursue(self, goal: Goal, work: Callable[[], Awaitable[None]]) -> None:
        if not self.due(goal):
            return
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - no input ends the loop
            self._troubles.begin(self._trouble, error)
            self.error, self._failed = error, goal
            self.again_at, self._pause = self._clock() + self._pause, min(2 * self._pause, RETRY_LAST)
        else:
            self.achieved(goal)

    def achieved(self, goal: Goal) -> None:
        self._troubles.end(self._trouble)
        self.done, self._failed, self.error, self.again_at, self._pause = goal, None, None, inf, RETRY_FIRST

    def undone(self) -> None:
        """What was brought about does not stand any more."""
        self.done = None

    def given_up(self) -> None:
        """What failed is wished no more; what was brought about before stands."""
        self._troubles.end(self._trouble)
        self._failed, self.error, self.again_at, self._pause = None, None, inf, RETRY_FIRST


def _same(one: Goal, other: Goal | None) -> bool:
    return other is not None and all(a is b for a, b in zip(one, other, strict=True))
