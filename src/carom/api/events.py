"""`GET /v1/events`: what happens, as it happens, by server-sent events (the HTML standard, section 9.2).

The last events are kept, each with a number. Who comes back with the number of the last one it has seen (the header
Last-Event-ID) gets those that it missed. A reader that does not read holds nothing but its place in that list; if the
list has gone past it, it is told how many it has lost.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from carom.core.news import News

KEPT = 1000
"""Events that are kept."""
READERS = 32
"""Who may listen at a time."""
ALIVE_EVERY = 15.0
"""Seconds after which a reader who hears nothing is sent a comment: proxies give up on silence."""
TAKEN_WITHIN = 30.0
"""Seconds in which a reader must take what it is sent."""

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


class Events:
    """The last events, and those who wait for the next."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._kept: deque[tuple[int, bytes]] = deque(maxlen=KEPT)
        self._last = 0
        self._more = asyncio.Event()
        self._closed = False
        self.readers = 0

    def add(self, heard: Sequence[News]) -> None:
        """`carom.telling.Listener`: these have happened just now."""
        when = datetime.fromtimestamp(self._clock(), UTC)
        self._last += max(0, len(heard) - KEPT)  # numbers that nobody will see: more has happened than is kept
        for news in heard[-KEPT:]:
            self._last += 1
            data = json.dumps(news.as_json(when))
            self._kept.append((self._last, f"id: {self._last}\nevent: {news.event}\ndata: {data}\n\n".encode()))
        self._wake()

    def close(self) -> None:
        """Let all readers go: the daemon ends."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        self._more.set()
        self._more = asyncio.Event()

    async def serve(self, after: int | None, receive: Receive, send: Send) -> None:
        """Send a reader what comes after this number, or from now on, until it goes away."""
        start: dict[str, Any] = {"type": "http.response.start", "status": 200, "headers": HEADERS}
        await send(start)
        self.readers += 1
        gone = asyncio.create_task(_gone(receive))
        try:
            await self._send_forever(self._last if after is None else after, gone, send)
        finally:
            self.readers -= 1
            gone.cancel()
        await send({"type": "http.response.body", "body": b""})

    async def _send_forever(self, seen: int, gone: asyncio.Task[None], send: Send) -> None:
        await _chunk(send, b"retry: 1000\n\n")
        while not self._closed and not gone.done():
            more = self._more
            if chunk := b"".join(self._after(seen)):
                seen = self._last
                await _chunk(send, chunk)
                continue
            waiting = asyncio.create_task(more.wait())
            try:
                await asyncio.wait((waiting, gone), timeout=ALIVE_EVERY, return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiting.cancel()
            if not more.is_set() and not gone.done():
                await _chunk(send, b": still here\n\n")

    def _after(self, seen: int) -> Iterator[bytes]:
        """What somebody has missed who has seen this one last. One from another daemon's life begins anew."""
        if seen > self._last:
            seen = 0
        oldest = self._kept[0][0] if self._kept else self._last + 1
        if seen + 1 < oldest:
            yield f"event: lost\ndata: {json.dumps({'event': 'lost', 'events': oldest - seen - 1})}\n\n".encode()
        yield from (chunk for number, chunk in self._kept if number > seen)


HEADERS = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]


async def _chunk(send: Send, data: bytes) -> None:
    async with asyncio.timeout(TAKEN_WITHIN):
        await send({"type": "http.response.body", "body": data, "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
