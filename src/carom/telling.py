"""Telling: the news of what has happened, to all who listen. A defect in it keeps nothing from happening."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from carom.core.news import News, news
from carom.core.world import World

log = logging.getLogger(__name__)

Listener = Callable[[Sequence[News]], None]


class Telling:
    """Those who listen to one engine."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Have all news told to this from now on."""
        self._listeners.append(listener)

    @staticmethod
    def note(before: World, after: World, now: float) -> tuple[News, ...]:
        """What has happened between two worlds, which is logged. For any thread."""
        if after is before:
            return ()
        try:
            found = tuple(news(before, after, now))
        except Exception:
            log.exception("a defect lost news: please report it")
            return ()
        for item in found:
            log.log(logging.WARNING if item.grave else logging.INFO, item.event, extra=dict(item.fields))
        return found

    def spread(self, found: Sequence[News]) -> None:
        """In the caller's thread, tell all who listen."""
        for listener in self._listeners:
            try:
                listener(found)
            except Exception:
                log.exception("a defect keeps one who listens from the news: please report it")
