"""Hooks: who is told, in which order, how often, and what becomes of the rest."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from carom.core.news import News
from carom.finding import Verdict
from carom.hooks import hooks as module
from carom.hooks.hooks import KEPT, Hooks, Tally
from carom.model import Hook

DOWN = News("real server down", {"service": "web", "real": "192.168.76.31"}, grave=True)
UP = News("real server up", {"service": "web", "real": "192.168.76.31"})


def script(folder: Path, text: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", text, "hook", str(folder))


def told(folder: Path) -> list[str]:
    file = folder / "told"
    return [json.loads(line)["event"] for line in file.read_text().splitlines()] if file.exists() else []


async def until(condition: Callable[[], object]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("not within 10 s")


def test_each_hears_what_it_asked_for_in_order_and_without_asking_what_is_grave(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("up", "both", "grave")]
    for folder in folders:
        folder.mkdir()
    ons = (("real server up",), ("real server up", "real server down"), ())
    wanted = [Hook(on, script(folder, 'cat >>"$1/told"')) for on, folder in zip(ons, folders, strict=True)]

    async def scene() -> None:
        hooks = Hooks(lambda: wanted, clock=lambda: 1772366400.0)
        hooks.hear([DOWN, UP])
        hooks.hear([DOWN])
        await until(lambda: [len(told(folder)) for folder in folders] == [1, 3, 2])
        await hooks.close()

    asyncio.run(scene())
    assert told(folders[1]) == ["real server down", "real server up", "real server down"]
    assert json.loads((folders[0] / "told").read_text()) == {
        "time": "2026-03-01T12:00:00.000+00:00",
        "event": "real server up",
        "grave": False,
        "service": "web",
        "real": "192.168.76.31",
        "director": os.uname().nodename,
    }


def test_what_fails_is_tried_again_and_what_has_heard_is_not_told_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_FIRST", 0.01)
    posted: list[str] = []

    async def post(url: str, *_: object) -> None:
        posted.append(url)

    monkeypatch.setattr("carom.hooks.webhook.post", post)
    run = script(tmp_path, 'cat >>"$1/told"; [ $(wc -l <"$1/told") -eq 3 ]')

    async def scene() -> None:
        hooks = Hooks(lambda: [Hook(run=run, url="http://127.0.0.1/")])
        hooks.hear([DOWN])
        await until(lambda: len(told(tmp_path)) == 3)
        await hooks.close()

    asyncio.run(scene())
    assert posted == ["http://127.0.0.1/"]


def test_in_the_end_it_is_given_up_with_a_warning_and_the_next_event_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "RETRY_FIRST", 0.01)
    run = script(tmp_path, 'cat >>"$1/told"; echo no route; exit 1')

    async def scene() -> None:
        hooks = Hooks(lambda: [Hook(("real server down", "real server up"), run, retries=1)])
        hooks.hear([DOWN, UP])
        await until(lambda: len(caplog.records) == 2)
        assert hooks.tallies() == {"/bin/sh": Tally(failed=2, missed=2, why="/bin/sh: exit code 1: no route")}
        [finding] = hooks.findings()
        assert (finding.name, finding.subject, finding.verdict) == ("hook", "/bin/sh", Verdict.WARNING)
        assert finding.evidence == "has not been told of the last 2 events: /bin/sh: exit code 1: no route"
        await hooks.close()

    asyncio.run(scene())
    assert told(tmp_path) == 2 * ["real server down"] + 2 * ["real server up"]
    [first, _] = [vars(record) for record in caplog.records]
    assert (first["message"], first["hook"], first["about"]) == ("hook failed", "/bin/sh", "real server down")
    assert first["why"] == "/bin/sh: exit code 1: no route"


def test_beyond_its_queue_events_are_lost_counted_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    hold = script(tmp_path, 'cat >>"$1/told"; while [ -e "$1/hold" ]; do sleep 0.01; done')
    (tmp_path / "hold").touch()

    async def scene() -> None:
        hooks = Hooks(lambda: [Hook(run=hold)])
        hooks.hear([DOWN])
        await until(lambda: told(tmp_path))
        hooks.hear([DOWN] * (KEPT + 7))
        (tmp_path / "hold").unlink()
        await until(lambda: caplog.records)
        assert hooks.tallies() == {"/bin/sh": Tally(told=KEPT + 1, lost=7)}
        assert not hooks.findings(), "it hears again"
        await hooks.close()

    asyncio.run(scene())
    assert len(told(tmp_path)) == KEPT + 1
    [record] = [vars(record) for record in caplog.records]
    assert (record["message"], record["events"]) == ("hook lost events", 7)


def test_hooks_that_are_called_the_same_are_counted_together_and_one_that_heard_nothing_yet_too(tmp_path: Path) -> None:
    well = Hook((), script(tmp_path, "true"))
    faulty = Hook(("real server up",), script(tmp_path, "exit 1"), retries=0)
    idle = Hook(("vip misused",), url="https://anna:secret@hooks.example.com/path")

    async def scene() -> None:
        hooks = Hooks(lambda: [well, faulty, idle])
        hooks.hear([DOWN, UP])
        await until(lambda: hooks.tallies()["/bin/sh"].told and hooks.tallies()["/bin/sh"].failed)
        assert hooks.tallies() == {
            "/bin/sh": Tally(told=1, failed=1, missed=1, why="/bin/sh: exit code 1"),
            "https://hooks.example.com": Tally(),
        }
        await hooks.close()

    asyncio.run(scene())


def test_one_that_stands_still_holds_up_no_other_and_not_the_end(tmp_path: Path) -> None:
    stuck, well = Hook(run=("/bin/sleep", "60"), timeout=60.0), Hook(run=script(tmp_path, 'cat >>"$1/told"'))

    async def scene() -> None:
        hooks = Hooks(lambda: [stuck, well])
        hooks.hear([DOWN])
        await until(lambda: told(tmp_path))
        async with asyncio.timeout(5):
            await hooks.close()

    asyncio.run(scene())


def test_a_hook_that_is_gone_is_told_no_more(tmp_path: Path) -> None:
    wanted = [Hook(run=script(tmp_path, 'cat >>"$1/told"'))]

    async def scene() -> None:
        hooks = Hooks(lambda: wanted)
        hooks.hear([DOWN])
        await until(lambda: told(tmp_path))
        wanted.clear()
        hooks.hear([DOWN])
        await hooks.close()

    asyncio.run(scene())
    assert told(tmp_path) == ["real server down"]
