"""The opening: what a daemon begins with, whatever it finds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from carom.change import Running
from carom.config.load import load
from carom.config.store import Pending, Said, State, Store, digest
from carom.errors import ConfigError, StoreError
from carom.opening import Opening, opening, write_down
from tests.unit.directors import CONFIG, FAULTY, LESS

SAID = Said("web", "192.168.76.32", 0, "anna", 1.0)


@dataclass
class Host:
    """A configuration file and a store."""

    file: Path
    store: Store

    def open(self, now: float = 100.0) -> Opening:
        return opening(self.file, self.store, now)

    def start(self, now: float = 100.0) -> Running:
        return write_down(self.open(now), self.store, now)

    def ran(self, text: str, *, pending: Pending | None = None, said: tuple[Said, ...] = ()) -> None:
        """An earlier daemon carried this out, while the file was as it is now."""
        version = self.store.add(text, "anna", "earlier", 0.0)
        self.store.commit(State(version.number, digest(self.file.read_text()), pending, said))

    @property
    def last(self) -> tuple[int, str, str]:
        version = next(self.store.versions())
        return version.number, version.who, version.what


@pytest.fixture
def host(tmp_path: Path) -> Host:
    file = tmp_path / "carom.toml"
    file.write_text(CONFIG)
    return Host(file, Store(tmp_path / "state"))


def test_the_first_start_carries_the_file_out(host: Host) -> None:
    running = host.start()
    assert running.config == load(CONFIG, "x")
    assert running.state == State(1, digest(CONFIG)) == host.store.state()
    assert host.last == (1, "caromd", "first start")


def test_without_anything_that_ever_ran_a_faulty_file_is_the_end(host: Host) -> None:
    host.file.write_text(FAULTY)
    with pytest.raises(ConfigError):
        host.open()
    assert host.store.state() is None


def test_a_restart_goes_on_with_what_ran_and_writes_nothing(host: Host) -> None:
    first = host.start()
    assert host.start(200.0) == first
    assert len(list(host.store.versions())) == 1


def test_what_was_applied_from_another_file_goes_on_too(host: Host) -> None:
    host.start()
    host.ran(LESS)
    assert host.start().text == LESS


def test_a_file_that_was_changed_meanwhile_is_the_wish(host: Host) -> None:
    host.start()
    host.ran(LESS, said=(SAID,))
    host.file.write_text(CONFIG + "# changed\n")
    running = host.start()
    assert running.text == CONFIG + "# changed\n"
    assert running.state == State(3, digest(running.text), None, (SAID,))
    assert host.last == (3, "caromd", "the file was changed")


def test_what_was_set_by_hand_stays_only_where_it_means_something(host: Host) -> None:
    host.start()
    host.ran(CONFIG, said=(SAID,))
    host.file.write_text(LESS)
    assert host.start().state.said == ()


def test_a_file_that_was_spoiled_meanwhile_is_named_and_what_ran_goes_on(host: Host) -> None:
    first = host.start()
    host.file.write_text(FAULTY)
    found = host.open()
    assert "service[0].ports[0]" in found.faults[0]
    assert write_down(found, host.store, 1.0) == first


def test_a_file_that_is_gone_is_named_and_what_ran_goes_on(host: Host) -> None:
    host.start()
    host.file.unlink()
    assert "no such file" in host.open().faults[0]


@pytest.mark.parametrize(("now", "text"), [(100.0, LESS), (300.0, CONFIG)], ids=["in time", "too late"])
def test_what_awaits_confirmation_goes_on_until_its_deadline(host: Host, now: float, text: str) -> None:
    host.start()
    host.ran(LESS, pending=Pending(1, 200.0))
    running = host.start(now)
    assert running.text == text
    if text == LESS:
        assert running.state.pending == Pending(1, 200.0)
    else:
        assert running.state == State(3, digest(CONFIG))
        assert host.last == (3, "caromd", "not confirmed in time: back from version 2 to 1")


def test_a_version_that_never_ran_is_forgotten(host: Host) -> None:
    host.start()
    host.store.add(LESS, "anna", "killed before it ran", 0.0)
    host.start()
    assert [version.number for version in host.store.versions()] == [1]


@pytest.mark.parametrize("spoil", ["version", "state"])
def test_a_spoiled_store_leaves_the_file(host: Host, tmp_path: Path, spoil: str) -> None:
    host.start()
    (tmp_path / "state" / {"version": "versions/000001.toml", "state": "state.json"}[spoil]).unlink()
    if spoil == "state":
        (tmp_path / "state/state.json").write_text("nonsense")
    assert host.start().text == CONFIG


def test_where_nothing_can_be_written_it_runs_all_the_same(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Store, __: State) -> None:
        raise StoreError("no space left")

    monkeypatch.setattr(Store, "commit", full)
    running = host.start()
    assert (running.text, running.state) == (CONFIG, State(0))
