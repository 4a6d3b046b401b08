"""Ending processes for certain."""

from __future__ import annotations

import signal
import subprocess
import sys

from carom.lab.processes import kill

STUBBORN = "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); sys.stdin.read()"


def test_they_have_ended_when_it_returns() -> None:
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdin=-1, stdout=-1) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert kill([process.pid], 5) == set()
        assert process.wait() == -signal.SIGKILL


def test_those_that_have_ended_already_are_no_error() -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    assert kill([process.pid], 5) == set()


def test_without_time_it_names_those_it_could_not_wait_for() -> None:
    with subprocess.Popen(["cat"], stdin=-1) as process:
        assert kill([process.pid], 0) == {process.pid}
        process.wait()
