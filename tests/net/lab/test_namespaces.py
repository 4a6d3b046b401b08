"""Namespaces: made, entered, filled, emptied of what they hold, removed."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from carom.errors import LabError
from carom.lab import namespaces


@pytest.fixture
def space() -> Iterator[str]:
    name = f"carom-test-{secrets.token_hex(3)}"
    namespaces.create([name])
    yield name
    namespaces.delete([name])


def devices() -> list[str]:
    return [name for _, name in socket.if_nameindex()]


def test_a_new_namespace_has_its_loopback_and_nothing_else(space: str) -> None:
    assert namespaces.inside(space, devices) == ["lo"]


def test_whoever_calls_inside_stays_outside(space: str) -> None:
    before = Path("/proc/self/ns/net").readlink()
    namespaces.inside(space, devices)
    assert Path("/proc/self/ns/net").readlink() == before


def test_what_is_raised_inside_is_raised_outside(space: str) -> None:
    with pytest.raises(ZeroDivisionError):
        namespaces.inside(space, lambda: 1 // 0)


def test_a_socket_made_inside_belongs_there_for_ever(space: str) -> None:
    listener = namespaces.inside(space, socket.socket)
    with listener, socket.socket() as outside:
        for_both = ("127.0.0.1", 0)
        outside.bind(for_both)
        listener.bind(outside.getsockname())  # free there, taken here


def test_a_process_started_inside_lives_there_and_speaks_into_its_log(space: str, tmp_path: Path) -> None:
    process = namespaces.spawn(
        space, ["sh", "-c", "echo here; echo there >&2; exec cat /proc/net/dev -"], tmp_path / "log"
    )
    process.wait()
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines[:2] == ["here", "there"]
    assert [line.split(":")[0].strip() for line in lines[4:]] == ["lo"]


def test_the_processes_of_a_namespace_are_known_by_it(space: str, tmp_path: Path) -> None:
    process = namespaces.spawn(space, ["sleep", "60"], tmp_path / "log")
    assert namespaces.processes([space, "carom-test-nowhere"]) == {process.pid: space}
    assert os.getpgid(process.pid) == process.pid  # a Ctrl-C for us is not for it
    process.kill()
    process.wait()
    assert namespaces.processes([space]) == {}


def test_a_namespace_that_is_gone_is_named() -> None:
    with pytest.raises(LabError, match="there is no network namespace carom-test-nowhere"):
        namespaces.inside("carom-test-nowhere", devices)


def test_removing_what_is_gone_is_no_error(space: str) -> None:
    namespaces.delete([space, "carom-test-nowhere"])
    namespaces.delete([space])
    assert not (namespaces.DIRECTORY / space).exists()
