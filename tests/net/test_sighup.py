"""SIGHUP whenever it comes and however often: the daemon lives, and ends with what the file says."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from carom.client import Client
from carom.daemon import _patient_sighup, _Signals
from carom.errors import CaromError
from carom.lab.wait import until
from tests.net.segment import segment
from tests.net.test_daemon import CONFIG, DNS, Host
from tests.net.test_killed import bpffs_at
from tests.net.visitor import visitor

STORM = int(os.environ.get("CAROM_SIGHUPS", "200"))


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with segment(reals=3) as lan, bpffs_at(tmp_path / "bpf"):
        host = Host(lan, tmp_path)
        yield host
        host.manager.close()


def test_before_anybody_listens_it_waits_and_is_heard_then() -> None:
    async def begin() -> None:
        async with asyncio.timeout(5):
            await _Signals().reload.wait()

    with _patient_sighup():
        os.kill(os.getpid(), signal.SIGHUP)
        asyncio.run(begin())


def test_where_nobody_ever_listens_it_is_forgotten() -> None:
    with _patient_sighup():
        os.kill(os.getpid(), signal.SIGHUP)
    assert signal.SIGHUP not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


def test_a_storm_of_them_amid_changes_ends_with_what_the_file_says(host: Host) -> None:
    with host.daemon() as process, visitor(host.lan, reals=2) as somebody, listening(host):
        with changing(host):
            storm(host, process, STORM)
        storm(host, process, STORM // 10)
        assert until(lambda: Client(host.socket).get("/v1/config")["text"] == host.config.read_text(), 20)
        assert host.status["faults"] == []
        assert somebody.is_well_served(), somebody
        assert process.poll() is None


def storm(host: Host, process: subprocess.Popen[str], times: int) -> None:
    for number in range(times):
        host.config.write_text(f"{CONFIG}# {number} of {times}\n")
        process.send_signal(signal.SIGHUP)
        threading.Event().wait(0.003)  # so that some are heard, and some meet a reload under way


@contextmanager
def changing(host: Host) -> Iterator[None]:
    """Somebody applies another configuration all the while."""
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            try:
                Client(host.socket).post("/v1/apply", {"text": CONFIG + DNS})
            except CaromError as error:
                failures.append(str(error))

    failures: list[str] = []
    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert failures == []


@contextmanager
def listening(host: Host) -> Iterator[None]:
    """A service manager that reads what it is told: its queue is short, and whoever tells it waits."""
    stop = threading.Event()
    host.manager.settimeout(0.1)

    def listen() -> None:
        while not stop.is_set():
            try:
                host.manager.recv(4096)
            except TimeoutError:
                continue

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
