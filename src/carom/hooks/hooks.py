"""All hooks of one director: who is told of what, in which order, and what becomes of those that do not listen.

    news ──hear──> one queue for each hook ──one at a time──> program, URL
                   full: lost, and counted                    failed: again after 1 s, 2 s, 4 s, ...; then given up,
                                                                      and counted

Hearing never waits and never fails. A hook that a change of the configuration takes away is told what it waits for. A
hook that did not hear is a finding until it hears again: nobody else would notice that nobody is told.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from carom.core.news import News
from carom.errors import HookError
from carom.finding import Finding, Verdict
from carom.hooks import program, webhook
from carom.model import Hook

log = logging.getLogger(__name__)

KEPT = 100
"""Events that wait for one hook at most."""
RETRY_FIRST, RETRY_LAST = 1.0, 60.0
"""Seconds until what failed is tried again: doubled each time, up to the last."""

Event = dict[str, object]


@dataclass(slots=True)
class Tally:
    """What became of the events for one hook, or for all that are called the same."""

    told: int = 0
    failed: int = 0
    """Given up after the last attempt."""
    lost: int = 0
    """Never tried: too many waited."""
    missed: int = 0
    """Failed or lost since it was last told one."""
    why: str = ""
    """Why the last attempt failed."""

    def __add__(self, other: Tally) -> Tally:
        numbers = (self.told + other.told, self.failed + other.failed, self.lost + other.lost)
        return Tally(*numbers, self.missed + other.missed, self.why or other.why)


class Hooks:
    """For the event loop's thread."""

    def __init__(self, look: Callable[[], Sequence[Hook]], clock: Callable[[], float] = time.time) -> None:
        """`look` gives the hooks that there are now."""
        self._look, self._clock = look, clock
        self._lines: dict[Hook, _Line] = {}

    def hear(self, heard: Sequence[News]) -> None:
        """`carom.telling.Listener`: these have happened just now."""
        wanted = self._look()
        self._lines = {hook: line for hook, line in self._lines.items() if hook in wanted or line.busy}
        when = datetime.fromtimestamp(self._clock(), UTC)
        for hook in wanted:
            for news in heard:
                if news.event in hook.on or (news.grave and not hook.on):
                    line = self._lines.setdefault(hook, _Line(hook))
                    line.add({**news.as_json(when), "director": socket.gethostname()})

    def tallies(self) -> Mapping[str, Tally]:
        """What became of the events, by the names of the hooks that there are now."""
        found: dict[str, Tally] = {}
        for hook in self._look():
            line = self._lines.get(hook)
            found[str(hook)] = found.get(str(hook), Tally()) + (line.tally if line else Tally())
        return found

    def findings(self) -> tuple[Finding, ...]:
        """The hooks that have not heard of what happened last."""
        return tuple(_finding(name, tally) for name, tally in self.tallies().items() if tally.missed)

    async def close(self) -> None:
        """Tell nobody any more: the daemon ends."""
        for line in self._lines.values():
            await line.close()


def _finding(name: str, tally: Tally) -> Finding:
    events = "event" if tally.missed == 1 else f"{tally.missed} events"
    evidence = f"has not been told of the last {events}{': ' if tally.why else ''}{tally.why}"
    remedy = "mend what it runs or asks, or take it out of the configuration"
    return Finding("hook", name, Verdict.WARNING, evidence, remedy)


class _Line:
    """What one hook is yet to be told."""

    def __init__(self, hook: Hook) -> None:
        self._hook = hook
        self._waiting: deque[Event] = deque()
        self._lost = 0
        """Since it was last said."""
        self.tally = Tally()
        self._telling: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        return self._telling is not None and not self._telling.done()

    def add(self, event: Event) -> None:
        if len(self._waiting) >= KEPT:
            self._lost += 1
            self.tally.lost += 1
            self.tally.missed += 1
            return
        self._waiting.append(event)
        if not self.busy:
            self._telling = asyncio.create_task(self._tell_all())

    async def close(self) -> None:
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.wait((self._telling,))

    async def _tell_all(self) -> None:
        while self._waiting:
            await self._tell(self._waiting.popleft())
        if self._lost:
            log.warning("hook lost events", extra={"hook": str(self._hook), "events": self._lost})
            self._lost = 0

    async def _tell(self, event: Event) -> None:
        """Tell it, by all its ways; those that have heard are not told again."""
        ways = [way for way, there in ((_run, self._hook.run), (_post, self._hook.url)) if there]
        pause = RETRY_FIRST
        for left in range(self._hook.retries, -1, -1):
            failed = [(way, why) for way in ways if (why := await _tried(way, self._hook, event))]
            if not failed:
                self.tally.told += 1
                self.tally.missed, self.tally.why = 0, ""
                return
            self.tally.why = "; ".join(why for _, why in failed)
            if not left:
                self.tally.failed += 1
                self.tally.missed += 1
                extra = {"hook": str(self._hook), "about": event["event"], "why": self.tally.why}
                log.warning("hook failed", extra=extra)
                return
            ways = [way for way, _ in failed]
            await asyncio.sleep(pause)
            pause = min(2 * pause, RETRY_LAST)


async def _run(hook: Hook, event: Event) -> None:
    await program.run(hook.run, event, hook.timeout)


async def _post(hook: Hook, event: Event) -> None:
    await webhook.post(hook.url, hook.headers, event, hook.timeout)


async def _tried(way: Callable[[Hook, Event], Coroutine[None, None, None]], hook: Hook, event: Event) -> str:
    """Why it failed; empty: it did not."""
    try:
        await way(hook, event)
    except HookError as error:
        return str(error)
    except Exception as error:
        log.exception("a hook meets a defect of carom's")
        return f"{type(error).__name__}: {error}"
    return ""
