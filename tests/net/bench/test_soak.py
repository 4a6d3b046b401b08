"""The short form of `./dev soak`: killed, upgraded, changed and drained under load, a director loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench import soak


@pytest.mark.timeout(600)
def test_a_short_soak_loses_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    say: Callable[[str], None] = said.append
    found: dict[str, Any] = soak.run(short=True, say=say)
    with capsys.disabled():
        print(found)  # noqa: T201 - a measurement is worth seeing
    assert (found["failed_requests"], found["reset_connections"], found.get("leaks", 0)) == (0, 0, 0), said
    assert (found["kills"], found["upgrades"], found["applies"], found["drains"]) == (3, 3, 20, 3)
    assert len(set(found["program_tags"])) == 3, "each upgrade brought another program"
    assert found["requests"] > 1000
