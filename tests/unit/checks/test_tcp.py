"""tcp: a handshake, and no more."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from carom.checks.checker import examine
from carom.checks.tcp import Tcp
from carom.outcome import Outcome, Reason
from tests.unit.checks.peers import LOOPBACK, at


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server((str(LOOPBACK), 0), backlog=1) as listening:
        yield listening


def check(port: int, timeout: float = 5.0) -> Outcome:
    return asyncio.run(examine(Tcp(), at(port, timeout)))


def test_somebody_listens(listener: socket.socket) -> None:
    assert check(listener.getsockname()[1]).reason is Reason.OK


def test_the_service_never_hears_of_it(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    for _ in range(10):  # far more than the queue holds
        assert check(port).ok
    listener.setblocking(False)
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_no_connection_lingers(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    assert check(port).ok
    assert not [line for line in connections() if line.split()[1].endswith(f":{port:04X}") and line.split()[3] != "0A"]


def connections() -> list[str]:
    return Path("/proc/net/tcp").read_text().splitlines()[1:]


def test_nobody_listens(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    outcome = check(port)
    assert (outcome.reason, outcome.text) == (Reason.REFUSED, "Connection refused")


def test_a_full_queue_is_silence(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    waiting = [socket.create_connection((str(LOOPBACK), port)) for _ in range(2)]
    outcome = check(port, 0.1)
    assert (outcome.reason, outcome.text) == (Reason.SILENT, "no answer to the handshake in 0.1 s")
    for one in waiting:
        one.close()
