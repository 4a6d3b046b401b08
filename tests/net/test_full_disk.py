"""A director whose disk is full: what it cannot write down it does not do, and says so; and goes on when there is room.

What it keeps is on a small tmpfs, which a test fills to the last byte.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from carom.client import Client
from carom.errors import RefusedError
from carom.lab.wait import until
from tests.net.segment import rip, segment
from tests.net.test_daemon import CONFIG, DNS, Host
from tests.net.test_killed import bpffs_at
from tests.net.visitor import visitor

REAL = {"service": "web", "real": str(rip(1))}
CHANGES: dict[str, Callable[[Client], object]] = {
    "apply": lambda client: client.post("/v1/apply", {"text": CONFIG + DNS}),
    "drain": lambda client: client.post("/v1/drain", REAL),
    "weight": lambda client: client.post("/v1/weight", {**REAL, "weight": 7}),
}


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with segment(reals=3) as lan, bpffs_at(tmp_path / "bpf"):
        host = Host(lan, tmp_path)
        host.state.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", host.state], check=True)
        try:
            yield host
        finally:
            host.manager.close()
            subprocess.run(["umount", "--lazy", host.state], check=True)


def fill(host: Host) -> Path:
    """Until nothing more can be written there."""
    filler = host.state / "filler"
    file = os.open(filler, os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(file, bytes(4096))
    except OSError:
        return filler
    finally:
        os.close(file)


def what_runs(host: Host) -> object:
    """All that a change could have changed."""
    status = host.status
    reals = [
        (service["name"], real["address"], real["state"], real["weight"], real["override"])
        for service in status["services"]
        for real in service["reals"]
    ]
    return status["configuration"], reals, Client(host.socket).get("/v1/history")


def test_what_cannot_be_written_down_is_not_done_and_can_be_when_there_is_room(host: Host) -> None:
    with host.daemon() as process:
        client = Client(host.socket)
        with visitor(host.lan, reals=2) as somebody:
            before, filler = what_runs(host), fill(host)
            for change in CHANGES.values():
                with pytest.raises(RefusedError, match=r"cannot be written: No space left on device") as refused:
                    change(client)
                assert refused.value.status == 507
                assert what_runs(host) == before
            filler.unlink()
            for change in CHANGES.values():
                change(client)
            assert somebody.is_well_served(), somebody
        after = what_runs(host)
        assert after != before
        process.kill()
    with host.daemon():
        assert what_runs(host) == after


def test_what_is_not_confirmed_undoes_itself_though_that_cannot_be_written_down(host: Host) -> None:
    with host.daemon():
        client = Client(host.socket)
        client.post("/v1/apply", {"text": CONFIG + DNS, "confirm_within": 2})
        filler = fill(host)
        assert until(lambda: [one["name"] for one in host.status["services"]] == ["web"], 10)
        with pytest.raises(RefusedError, match="too late: it has been undone"):
            client.post("/v1/confirm")
        filler.unlink()
        assert client.post("/v1/rollback")["version"]["number"] == 3
        assert host.status["configuration"]["confirm_by"] is None
