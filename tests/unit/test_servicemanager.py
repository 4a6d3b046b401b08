"""What the service manager is told, and when."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from carom.servicemanager import ServiceManager


class Manager:
    """A service manager that listens."""

    def __init__(self, address: str) -> None:
        self.ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ear.bind(address.replace("@", "\0", 1) if address.startswith("@") else address)
        self.ear.settimeout(5)
        self.environment = {"NOTIFY_SOCKET": address}

    def heard(self) -> str:
        return self.ear.recv(4096).decode()


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(str(tmp_path / "notify") if request.param == "file" else f"@carom-test-{os.getpid()}")
    yield manager
    manager.ear.close()


def test_what_is_told_is_heard(manager: Manager) -> None:
    ServiceManager(manager.environment).tell("READY=1")
    assert manager.heard() == "READY=1"


def test_without_a_service_manager_nobody_is_told() -> None:
    ServiceManager({}).tell("READY=1")


def test_one_that_has_gone_is_no_reason_to_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).tell("READY=1")
    assert "the service manager does not listen" in caplog.text


def test_one_that_stands_still_does_not_stop_us(manager: Manager, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        other.connect(manager.ear.getsockname())
        with suppress(BlockingIOError):
            while other.send(b"WATCHDOG=1"):
                pass
    began = time.monotonic()
    ServiceManager(manager.environment).tell("READY=1")
    assert time.monotonic() - began < 5
    assert "the service manager does not listen: timed out" in caplog.text


async def _alive() -> None:
    return


@pytest.mark.parametrize(
    "watchdog", [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "20000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "x"}]
)
def test_without_a_watchdog_of_ours_nothing_is_proven(watchdog: dict[str, str]) -> None:
    async def never() -> None:
        pytest.fail("nobody asked")

    asyncio.run(ServiceManager(watchdog).reassure(never))


def test_a_watchdog_is_reassured_over_and_over_while_there_is_proof(manager: Manager) -> None:
    environment = manager.environment | {"WATCHDOG_USEC": "30000", "WATCHDOG_PID": str(os.getpid())}

    async def run() -> list[str]:
        task = asyncio.create_task(ServiceManager(environment).reassure(_alive))
        heard = [await asyncio.to_thread(manager.heard) for _ in range(3)]
        task.cancel()
        return heard

    assert asyncio.run(run()) == 3 * ["WATCHDOG=1"]


def test_without_proof_a_watchdog_hears_nothing(manager: Manager) -> None:
    asked = asyncio.Event()

    async def stuck() -> None:
        asked.set()
        await asyncio.get_running_loop().create_future()

    async def run() -> None:
        task = asyncio.create_task(ServiceManager(manager.environment | {"WATCHDOG_USEC": "1"}).reassure(stuck))
        await asked.wait()
        task.cancel()

    asyncio.run(run())
    manager.ear.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.heard()
