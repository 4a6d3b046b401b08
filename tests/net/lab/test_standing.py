"""A lab's life: one name, one lab; nothing of it remains, however its builder ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from carom.errors import LabError
from carom.lab import namespaces, standing
from carom.lab.network import VIP
from carom.lab.standing import Lab
from tests.net.labs import traces_of

BUILDER = """
import signal, sys
from carom.lab import standing
from carom.lab.network import VIP
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may ignore signals, as nohup does
signal.signal(signal.SIGHUP, signal.SIG_DFL)
with standing.temporary(sys.argv[1], (VIP,), "") as lab:
    lab.spawn("real1", ["sleep", "600"], "sleep")
    print("built", flush=True)
    signal.pause()
"""


def create(name: str) -> Lab:
    return standing.create(name, (VIP,), "[director]\n")


@pytest.fixture
def name() -> str:
    return standing.fresh_name("life")


def builder(name: str) -> subprocess.Popen[str]:
    """A process that has built a lab, runs something in it, and waits for its end."""
    process = subprocess.Popen([sys.executable, "-c", BUILDER, name], stdout=-1, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "built\n"
    return process


def test_a_lab_is_in_its_files_and_gone_with_them(name: str) -> None:
    lab = create(name)
    assert sorted(path.name for path in lab.directory.iterdir()) == ["bpf", "carom.toml", "lab.json", "lock", "log"]
    assert lab.bpffs.is_mount()
    assert name in standing.names()
    lab.remove()
    assert traces_of(name) == []
    assert name not in standing.names()


def test_removing_twice_is_no_error(name: str) -> None:
    lab = create(name)
    lab.remove()
    lab.remove()


def test_a_name_is_taken_once(name: str) -> None:
    lab = create(name)
    try:
        with pytest.raises(LabError, match=f"a lab named `{name}` is up already"):
            create(name)
        assert all((namespaces.DIRECTORY / space).exists() for space in lab.namespaces)
    finally:
        lab.remove()


def test_two_labs_stand_side_by_side(name: str) -> None:
    one, other = create(f"{name}-a"), create(f"{name}-b")
    one.remove()
    assert all((namespaces.DIRECTORY / space).exists() for space in other.namespaces)
    other.remove()


def test_what_runs_in_a_lab_ends_with_it(name: str) -> None:
    lab = create(name)
    stubborn = lab.spawn("real1", ["sh", "-c", "trap '' TERM HUP INT; while :; do sleep 600; done"], "stubborn")
    lab.remove()
    assert stubborn.returncode == -signal.SIGKILL
    assert traces_of(name) == []


def test_a_lab_that_cannot_be_built_leaves_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise LabError("no more wires")

    monkeypatch.setattr("carom.lab.replies.count", broken)
    with pytest.raises(LabError, match="no more wires"):
        create(name)
    assert traces_of(name) == []


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_a_killed_builder_left_is_removed_by_the_next(name: str, end: signal.Signals) -> None:
    """SIGINT unwinds and cleans up itself; SIGTERM and SIGHUP, not caught here, leave it to the next."""
    with builder(name) as process:
        process.send_signal(end)
        process.wait()
    assert bool(traces_of(name)) == (end is not signal.SIGINT)
    create(f"{name}-next").remove()
    assert traces_of(name) == []


def test_what_a_builder_killed_outright_left_is_removed_by_the_next(name: str) -> None:
    with builder(name) as process:
        process.kill()
        process.wait()
    assert traces_of(name)
    create(f"{name}-next").remove()
    assert traces_of(name) == []


def test_the_lab_of_a_living_builder_is_left_alone(name: str) -> None:
    with builder(name) as process:
        create(f"{name}-next").remove()
        assert traces_of(name)
        with pytest.raises(LabError, match=f"the lab `{name}` is in another process's hands"):
            standing.take_down(name)
        process.send_signal(signal.SIGINT)
    assert traces_of(name) == []


def test_a_standing_lab_outlives_its_builder_and_is_taken_down_by_anyone(name: str) -> None:
    create(name).leave_standing()
    create(f"{name}-next").remove()
    assert standing.find(name).record.standing
    assert json.loads((standing.ROOT / name / "lab.json").read_text())["vips"] == ["192.168.76.24"]
    standing.take_down(name)
    assert traces_of(name) == []


def test_a_lab_that_is_not_there_is_named_with_the_nearest_one_that_is(name: str) -> None:
    with pytest.raises(LabError, match=f"no lab named `{name}` is up"):
        standing.find(name)
    lab = create(name)
    try:
        with pytest.raises(LabError, match=f"no lab named `{name}x` is up, but `{name}` is: add `--name {name}`"):
            standing.find(f"{name}x")
    finally:
        lab.remove()


@pytest.mark.parametrize("bad", ["", "-a", "A", "a/b", "..", "a" * 25])
def test_a_name_must_be_fit_for_a_file_and_a_namespace(bad: str) -> None:
    with pytest.raises(LabError, match="cannot name a lab"):
        create(bad)


def test_many_labs_are_built_at_once(name: str) -> None:
    labs: list[Lab] = []
    threads = [threading.Thread(target=lambda n=n: labs.append(create(f"{name}-{n}"))) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(labs) == 3
    for lab in labs:
        lab.remove()


def test_without_root_it_says_so(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="needs root: run it with sudo"):
        create(name)
