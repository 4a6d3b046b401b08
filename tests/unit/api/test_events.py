"""Events as they happen: in order, from where the reader was, and without waiting for anybody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from carom.api import events as module
from carom.api.events import Events
from carom.core.news import News

DOWN = News("real server down", {"service": "web", "real": "192.168.76.31"}, grave=True)


class Reader:
    """Somebody who listens, and may stop reading, or go away."""

    def __init__(self, events: Events, after: int | None = None) -> None:
        self.chunks: list[bytes] = []
        self.ended = False
        self.reads = asyncio.Event()
        self.reads.set()
        self.goes = asyncio.Event()
        self.task = asyncio.create_task(events.serve(after, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        await self.goes.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        await self.reads.wait()
        if message["type"] == "http.response.body":
            self.chunks.append(message["body"])
            self.ended = not message.get("more_body", False)

    @property
    def heard(self) -> list[tuple[int, dict[str, Any]]]:
        found = []
        for block in b"".join(self.chunks).decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if "data" in fields:
                found.append((int(fields.get("id", 0)), json.loads(fields["data"])))
        return found


def play(scene: Callable[[Events], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await scene(Events(clock=lambda: 0.0))

    asyncio.run(bounded())


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
        await asyncio.sleep(0.001)


def test_what_happens_is_told_to_all_who_listen() -> None:
    async def scene(events: Events) -> None:
        readers = [Reader(events), Reader(events)]
        await until(lambda: events.readers == 2)
        events.add([DOWN, News("real server up")])
        await until(lambda: all(len(reader.heard) == 2 for reader in readers))
        for reader in readers:
            assert reader.heard[0] == (
                1,
                {
                    "time": "1970-01-01T00:00:00.000+00:00",
                    "event": "real server down",
                    "grave": True,
                    "service": "web",
                    "real": "192.168.76.31",
                },
            )
            reader.goes.set()
            await reader.task
        assert events.readers == 0

    play(scene)


def test_who_comes_back_hears_what_it_missed() -> None:
    async def scene(events: Events) -> None:
        events.add([DOWN] * 5)
        reader = Reader(events, after=3)
        await until(lambda: len(reader.heard) == 2)
        assert [number for number, _ in reader.heard] == [4, 5]
        fresh = Reader(events, after=1000)
        await until(lambda: len(fresh.heard) == 5)
        events.close()
        await asyncio.gather(reader.task, fresh.task)
        assert reader.ended

    play(scene)


def test_who_has_fallen_too_far_behind_is_told_how_far(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 10)

    async def scene(events: Events) -> None:
        reader = Reader(events)
        await until(lambda: reader.chunks)
        reader.reads.clear()
        for _ in range(100):
            events.add([DOWN])
            await asyncio.sleep(0)
        reader.reads.set()
        await until(lambda: reader.heard and reader.heard[-1][0] == 100)
        lost = [found["events"] for number, found in reader.heard if not number]
        assert sum(lost) + sum(1 for number, _ in reader.heard if number) == 100
        assert lost
        events.close()
        await reader.task

    play(scene)


def test_more_than_is_kept_at_once_costs_no_more_than_what_is_kept() -> None:
    async def scene(events: Events) -> None:
        events.add([DOWN] * (2 * module.KEPT + 5))
        events.add([DOWN])
        reader = Reader(events, after=1)
        await until(lambda: len(reader.heard) == module.KEPT + 1)
        lost, *heard = reader.heard
        assert lost[1]["events"] == module.KEPT + 5
        assert [number for number, _ in heard] == list(range(module.KEPT + 7, 2 * module.KEPT + 7))

    play(scene)


def test_silence_is_broken_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ALIVE_EVERY", 0.01)

    async def scene(events: Events) -> None:
        reader = Reader(events)
        await until(lambda: reader.chunks.count(b": still here\n\n") >= 2)
        events.close()
        await reader.task

    play(scene)


def test_who_does_not_take_what_it_is_sent_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TAKEN_WITHIN", 0.02)

    async def scene(events: Events) -> None:
        reader = Reader(events)
        await until(lambda: reader.chunks)
        reader.reads.clear()
        events.add([DOWN])
        with pytest.raises(TimeoutError):
            await reader.task
        assert events.readers == 0

    play(scene)
