"""A program that is told of an event."""

from __future__ import annotations

import asyncio
import gc
import json
import os
from pathlib import Path

import pytest

from carom.errors import HookError
from carom.hooks.program import run
from carom.lab.wait import until

EVENT = {"event": "real server down", "grave": True, "service": "web", "real": "192.168.76.31", "faults": ["a", "b"]}


def tell(script: str, *arguments: str, timeout: float = 30.0) -> None:
    asyncio.run(run(("/bin/sh", "-c", script, "hook", *arguments), EVENT, timeout))


def test_it_reads_the_event_and_has_what_is_plain_in_its_environment(tmp_path: Path) -> None:
    tell('cat >"$1/read"; env >"$1/environment"', str(tmp_path))
    assert json.loads((tmp_path / "read").read_text()) == EVENT
    environment = dict(line.split("=", 1) for line in (tmp_path / "environment").read_text().splitlines())
    told = {name: value for name, value in environment.items() if name.startswith("CAROM_")}
    assert told == {
        "CAROM_EVENT": "real server down",
        "CAROM_GRAVE": "True",
        "CAROM_SERVICE": "web",
        "CAROM_REAL": "192.168.76.31",
    }
    assert environment["PATH"].startswith("/usr/local/sbin:")


def test_it_need_not_read() -> None:
    tell("exec <&-; exit 0")


def test_that_it_does_not_read_is_no_defect_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    """asyncio says aloud which errors nobody has asked for, when it frees what had them."""
    more_than_a_pipe_holds = {"faults": ["x" * 1000] * 1000}
    asyncio.run(run(("/bin/sleep", "0.1"), more_than_a_pipe_holds, 5.0))
    gc.collect()
    assert caplog.messages == []


def test_a_large_event_is_handed_over_whole(tmp_path: Path) -> None:
    event = {"faults": ["x" * 1000] * 1000}
    asyncio.run(run(("/bin/sh", "-c", 'cat >"$1"', "hook", str(tmp_path / "read")), event, 5.0))
    assert json.loads((tmp_path / "read").read_text()) == event


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("exit 3", "/bin/sh: exit code 3"),
        ("echo no route >&2; echo more; exit 1", "/bin/sh: exit code 1: no route"),
        ("kill -9 $$", "/bin/sh: killed by signal 9"),
    ],
)
def test_a_failure_says_how_and_what_it_said(script: str, why: str) -> None:
    with pytest.raises(HookError) as raised:
        tell(script)
    assert str(raised.value) == why


def test_one_that_is_not_there_is_named() -> None:
    with pytest.raises(HookError, match="/no/such/program cannot be run: No such file"):
        asyncio.run(run(("/no/such/program",), EVENT, 5.0))


def test_one_that_is_not_done_in_time_is_killed_with_all_it_started(tmp_path: Path) -> None:
    with pytest.raises(HookError, match=r"/bin/sh was not done in 3 s, and killed"):
        tell('sleep 60 & echo $! >"$1"; wait', str(tmp_path / "pid"), timeout=3.0)
    started = int((tmp_path / "pid").read_text())
    assert until(lambda: is_dead(started), 5)


def is_dead(pid: int) -> bool:
    """Gone, or a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except OSError:
        return True


def test_endless_output_costs_no_memory() -> None:
    with pytest.raises(HookError, match="not done"):
        tell("exec cat /dev/zero", timeout=0.3)


def test_cancelled_it_is_killed(tmp_path: Path) -> None:
    async def scene() -> None:
        os.mkfifo(tmp_path / "pid")
        script = ("/bin/sh", "-c", 'echo $$ >"$1"; exec sleep 60', "hook", str(tmp_path / "pid"))
        task = asyncio.create_task(run(script, EVENT, 60.0))
        pid = int(await asyncio.to_thread((tmp_path / "pid").read_text))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

    asyncio.run(scene())
