"""The store: what is kept, and that whoever is killed while writing leaves the old or the new."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from carom.config import store as stores
from carom.config.store import Pending, Said, State, Store, Version, digest
from carom.errors import ChangeError, StoreError

TEXT = '# A comment.\n[director]\ninterface = "eth0"\r\n\n# Größe\n'
STATE = State(2, digest(TEXT), Pending(1, 1800.5), (Said("web", "192.168.76.31", 0, "anna", 1.0, 99.0),))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "carom")


def test_an_empty_store_knows_nothing(store: Store) -> None:
    assert (list(store.versions()), store.state(), store.memory()) == ([], None, {})


def test_a_version_is_kept_exactly_as_it_was_written(store: Store) -> None:
    version = store.add(TEXT, "anna", "~ web: weight 1 → 2", 1234.5)
    assert version == Version(1, 1234.5, "anna", "~ web: weight 1 → 2")
    assert store.version(1) == version
    assert store.text(1) == TEXT


def test_versions_are_counted_and_listed_the_newest_first(store: Store) -> None:
    for number in range(12):
        store.add(TEXT, "anna", f"{number}", 0.0)
    assert [version.number for version in store.versions()] == list(range(12, 0, -1))
    store.drop(12)
    assert store.add(TEXT, "anna", "again", 0.0).number == 12


def test_what_a_version_changed_is_one_line_and_not_too_long(store: Store) -> None:
    version = store.add(TEXT, "anna", "one\ntwo " + "x" * 1000, 0.0)
    assert version.what.startswith("one two xxx")
    assert len(version.what) == stores.LONGEST


def test_what_runs_is_what_was_committed_last(store: Store) -> None:
    store.commit(State(1))
    store.commit(STATE)
    assert store.state() == STATE


def test_old_versions_go_but_never_those_that_are_needed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "KEPT", 3)
    for number in range(8):
        store.add(TEXT, "anna", f"{number}", 0.0)
    store.commit(State(2, pending=Pending(1, 0.0)))
    assert [version.number for version in store.versions()] == [8, 7, 6, 2, 1]


def test_a_version_that_is_not_there_is_named(store: Store) -> None:
    with pytest.raises(ChangeError, match="there is no version 7: carom history lists those there are"):
        store.text(7)


def test_a_spoiled_version_does_not_hide_the_others(store: Store, tmp_path: Path) -> None:
    store.add(TEXT, "anna", "first", 0.0)
    (tmp_path / "carom/versions/000002.toml").write_text("nonsense\n")
    (tmp_path / "carom/versions/notes.txt").write_text("not ours")
    assert [version.number for version in store.versions()] == [1]
    assert store.add(TEXT, "anna", "third", 0.0).number == 3


@pytest.mark.parametrize("spoiled", ["", "[]", "{", '{"running": 1, "more": 2}', '{"running": 1, "pending": 3}'])
def test_a_spoiled_state_is_named(store: Store, tmp_path: Path, spoiled: str) -> None:
    store.commit(State(1))
    (tmp_path / "carom/state.json").write_text(spoiled)
    with pytest.raises(StoreError, match=r"state\.json is"):
        store.state()


def test_a_spoiled_memory_is_no_memory(store: Store, tmp_path: Path) -> None:
    store.remember({"health": {}})
    assert store.memory() == {"health": {}}
    (tmp_path / "carom/memory.json").write_text("{")
    assert store.memory() == {}


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "carom").write_text("a file")
    with pytest.raises(StoreError, match=r"cannot be written: (Not a directory|File exists)"):
        Store(tmp_path / "carom").add(TEXT, "anna", "", 0.0)


def test_what_could_not_be_written_whole_takes_no_room(store: Store, tmp_path: Path) -> None:
    store.add(TEXT, "anna", "", 0.0)
    before = sorted(tmp_path.rglob("*"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(StoreError, match="cannot be written: File too large"):
            store.add(TEXT * 1000, "anna", "", 0.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert sorted(tmp_path.rglob("*")) == before
    assert store.add(TEXT, "anna", "", 0.0).number == 2


def test_a_stranger_on_the_host_cannot_read_it(store: Store, tmp_path: Path) -> None:
    store.add(TEXT, "anna", "", 0.0)
    assert (tmp_path / "carom").stat().st_mode & 0o007 == 0
    assert (tmp_path / "carom/versions/000001.toml").stat().st_mode & 0o007 == 0


# ---- kill -9 ----

WRITER = """
import sys
from pathlib import Path
from carom.config.store import State, Store
store, number = Store(Path(sys.argv[1])), 0
while True:
    number = store.add("x" * 20000 + f"\\n{number}\\n", "anna", "", 0.0).number
    store.commit(State(number, "f" * 64))
    print(number, flush=True)
"""


@pytest.mark.parametrize("seed", range(40))
def test_killed_at_any_point_it_leaves_the_old_or_the_new(store: Store, tmp_path: Path, seed: int) -> None:
    """Each run is killed at a random moment of its writing."""
    command = [sys.executable, "-c", WRITER, str(tmp_path / "carom")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout
        writer.stdout.readline()
        threading.Event().wait(random.Random(seed).random() * 0.02)
        os.kill(writer.pid, signal.SIGKILL)
        told = [int(line) for line in writer.stdout.read().split()]
    state = store.state()
    assert state is not None
    assert state.running >= max(told, default=1), "what was told is written down"
    assert store.text(state.running).startswith("x" * 20000 + "\n"), "and whole"
    assert json.loads((tmp_path / "carom/state.json").read_text())["file"] == "f" * 64
    assert store.add(TEXT, "anna", "goes on", 0.0).number > state.running


@pytest.mark.parametrize(
    "health", [{}, {"web": {"192.168.76.31": {"up": True, "found": ["OK", 'a "b" ü']}}, "dns": {}}]
)
def test_what_is_remembered_comes_back(tmp_path: Path, health: dict[str, object]) -> None:
    memory = {"health": health, "leaving": [["web", "192.168.76.32", 7.5]]}
    Store(tmp_path).remember(memory)
    assert Store(tmp_path).memory() == memory
