"""Change: from a text to what runs, with a way back."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from carom.config.store import State, Store
from carom.errors import ChangeError, ConfigError, DataPlaneError, StoreError
from carom.events import RealName
from tests.unit.directors import CONFIG, FAULTY, LESS, ONE, TWO, Director, director, until

WHO = "anna"


def weights(it: Director) -> list[int]:
    return [real["effective_weight"] for real in it.client.get("/v1/status")["services"][0]["reals"]]


def running(it: Director) -> State:
    state = it.store.state()
    assert state is not None
    assert it.changes is not None
    assert it.changes.running.state == state, "what runs is what is written down"
    return state


def apply(it: Director, text: str, confirm_within: float | None = None) -> int:
    assert it.changes is not None
    return it.do(it.changes.apply(text, "new.toml", WHO, confirm_within)).version.number


# ---- carrying out ----


def test_a_change_runs_is_written_down_and_says_what_it_was(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        assert apply(it, LESS) == 2
        assert running(it).running == 2
        assert weights(it)[0] == 1
        newest, first = it.store.versions()
        assert (newest.who, newest.what) == (WHO, "- web: 192.168.76.32: goes")
        assert (first.who, first.what) == ("caromd", "first start")
        assert it.store.text(2) == LESS
        assert it.store.text(1) == CONFIG, "with its comments"
        assert it.file.read_text() == CONFIG, "the file belongs to its author"


def test_what_runs_already_is_no_new_version(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        assert apply(it, CONFIG) == 1
        assert [version.number for version in it.store.versions()] == [1]


def test_whoever_wants_to_knows_while_a_configuration_is_read_or_carried_out(tmp_path: Path) -> None:
    """Each step is at work, from reading the text to the end; what is refused ends the work too."""
    said: list[str] = []

    @contextmanager
    def at_work() -> Iterator[None]:
        said.append("begins")
        yield
        said.append("ends")

    with director(tmp_path, at_work=at_work) as it:
        assert it.changes is not None
        assert it.engine is not None
        it.engine.listen(lambda news: said.extend(item.event for item in news if item.event == "configuration loaded"))
        apply(it, LESS)
        assert said == ["begins", "begins", "ends", "configuration loaded", "ends"]
        said.clear()
        it.do(it.changes.rollback(WHO))
        assert said == ["begins", "begins", "ends", "configuration loaded", "ends"]


def test_comments_alone_are_a_version_too(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        assert apply(it, CONFIG + "# and no more\n") == 2
        assert next(it.store.versions()).what == "nothing changed"


@pytest.mark.parametrize(
    ("text", "error"),
    [(FAULTY, ConfigError), ("", ConfigError), (CONFIG.replace("eth0", "eth1"), ChangeError)],
    ids=["faulty", "empty", "another director"],
)
def test_what_cannot_be_carried_out_changes_nothing(tmp_path: Path, text: str, error: type[Exception]) -> None:
    with director(tmp_path) as it:
        before = running(it)
        with pytest.raises(error):
            apply(it, text)
        assert running(it) == before
        assert len(list(it.store.versions())) == 1


def test_what_the_data_plane_refuses_leaves_no_trace(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        before = running(it)
        it.refuse()
        with pytest.raises(DataPlaneError, match="the members are full"):
            apply(it, LESS)
        it.plane.refusal = None
        assert running(it) == before
        assert len(list(it.store.versions())) == 1
        assert weights(it) == [1, 2]
        assert apply(it, LESS) == 2


def test_what_cannot_be_written_down_is_not_carried_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with director(tmp_path) as it:

        def full(_: Store, __: State) -> None:
            raise StoreError("no space left")

        with monkeypatch.context() as disk:
            disk.setattr(Store, "commit", full)
            with pytest.raises(StoreError):
                apply(it, LESS)
        until(lambda: weights(it) == [1, 2])
        assert running(it).running == 1
        assert len(list(it.store.versions())) == 1


def test_every_change_is_in_the_audit_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "carom.audit")
    with director(tmp_path) as it:
        assert it.changes is not None
        apply(it, LESS, confirm_within=60)
        it.do(it.changes.confirm(WHO))
        it.do(it.changes.override(("web", ONE), 5, WHO))
    said = [record for record in caplog.records if record.name == "carom.audit"]
    assert [record.getMessage() for record in said] == ["change applied", "change confirmed", "weight set by hand"]
    assert all(vars(record)["who"] == WHO for record in said)


# ---- confirming ----


def test_what_is_confirmed_stands(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        assert it.changes is not None
        apply(it, LESS, confirm_within=60)
        pending = running(it).pending
        assert pending
        assert pending.before == 1
        assert pending.deadline == pytest.approx(time.time() + 60, abs=5)
        assert it.do(it.changes.confirm(WHO)).number == 2
        assert running(it).pending is None
        with pytest.raises(ChangeError, match="nothing awaits confirmation"):
            it.do(it.changes.confirm(WHO))


def test_what_is_not_confirmed_undoes_itself(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        apply(it, LESS, confirm_within=0.3)
        assert [real["state"] for real in it.client.get("/v1/status")["services"][0]["reals"]][1:] in ([], ["leaving"])
        until(lambda: it.changes and it.changes.running.state.running == 3)
        assert running(it).pending is None
        until(lambda: weights(it) == [1, 2])
        newest = next(it.store.versions())
        assert (newest.who, newest.what) == ("carom", "not confirmed in time, to version 1")


@pytest.mark.parametrize("jump", [86400.0, -86400.0])
def test_whoever_sets_the_clock_neither_hastens_that_nor_puts_it_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    monkeypatch.setattr("carom.change.LOOK_EVERY", 0.02)
    with director(tmp_path) as it:
        assert it.changes is not None
        began = time.monotonic()
        apply(it, LESS, confirm_within=0.5)
        it.clock = lambda: time.time() + jump
        confirm_by = it.changes.standing().confirm_by
        until(lambda: it.changes and it.changes.running.state.running == 3)
        assert time.monotonic() - began >= 0.5
        assert confirm_by == pytest.approx(time.time() + jump, abs=5), "by the clock as it is now"


def test_while_something_awaits_confirmation_nothing_else_is_changed(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        assert it.changes is not None
        apply(it, LESS, confirm_within=60)
        with pytest.raises(ChangeError, match="version 2 awaits confirmation: first carom confirm, or carom rollback"):
            apply(it, CONFIG)
        it.do(it.changes.rollback(WHO))
        until(lambda: weights(it) == [1, 2])
        assert running(it).running == 3


def test_a_change_that_cannot_be_undone_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carom.change.UNDO_AGAIN", 0.2)
    with director(tmp_path) as it:
        apply(it, LESS, confirm_within=0.2)
        it.refuse()
        until(lambda: it.changes and it.changes._undo_after)
        it.plane.refusal = None
        until(lambda: it.changes and it.changes.running.state.running == 3)


# ---- going back ----


def test_a_rollback_is_a_change_too_and_can_be_rolled_back(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        assert it.changes is not None
        apply(it, LESS)
        assert it.do(it.changes.rollback(WHO)).version.number == 3
        until(lambda: weights(it) == [1, 2])
        assert next(it.store.versions()).what == "rolled back, to version 1"
        assert it.do(it.changes.rollback(WHO, 2)).version.number == 4
        assert it.store.text(4) == LESS


def test_there_is_nothing_before_the_first(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        assert it.changes is not None
        with pytest.raises(ChangeError, match="there is no version before 1, which runs"):
            it.do(it.changes.rollback(WHO))
        with pytest.raises(ChangeError, match="there is no version 9: carom history lists those there are"):
            it.do(it.changes.rollback(WHO, 9))


# ---- the file ----


def test_a_file_that_is_not_what_runs_is_shown(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        assert it.client.get("/v1/status")["configuration"]["drift"] is False
        apply(it, LESS)
        until(lambda: it.client.get("/v1/status")["configuration"]["drift"])
        [warning] = [one for one in it.client.get("/v1/status")["warnings"] if str(it.file) in one]
        assert warning == f"{it.file} is not what runs, which is version 2"
        it.file.write_text(LESS)
        until(lambda: not it.client.get("/v1/status")["configuration"]["drift"])


def test_a_file_that_is_gone_is_not_what_runs(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        it.file.unlink()
        until(lambda: it.client.get("/v1/status")["configuration"]["drift"])


def test_the_file_is_carried_out_when_it_is_asked_for(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        assert it.changes is not None
        it.file.write_text(FAULTY)
        it.do(it.changes.reload("SIGHUP"))
        until(lambda: "the configuration file has faults" in " ".join(it.client.get("/v1/status")["faults"]))
        assert running(it).running == 1
        it.file.write_text(LESS)
        it.do(it.changes.reload("SIGHUP"))
        assert running(it).running == 2
        until(lambda: it.client.get("/v1/status")["faults"] == [])


def test_a_file_that_is_mended_is_no_fault_any_more(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        assert it.changes is not None
        it.file.write_text(FAULTY)
        it.do(it.changes.reload("SIGHUP"))
        it.file.write_text(CONFIG)
        it.do(it.changes.reload("SIGHUP"))
        until(lambda: it.client.get("/v1/status")["faults"] == [])
        assert running(it).running == 1


# ---- by hand ----


def test_a_weight_set_by_hand_is_kept_over_restarts_and_changes(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        assert it.changes is not None
        it.do(it.changes.override(("web", TWO), 7, WHO))
        until(lambda: weights(it) == [1, 7])
        apply(it, CONFIG.replace("wrr", "rr"))
        assert weights(it) == [1, 7]
    with director(tmp_path) as it:
        assert it.changes is not None
        assert [one.weight for one in running(it).said] == [7]
        it.do(it.changes.override(("web", TWO), None, WHO))
        assert running(it).said == ()


def test_what_is_set_for_one_that_goes_goes_with_it(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        assert it.changes is not None
        it.do(it.changes.override(("web", TWO), 7, WHO))
        apply(it, LESS)
        assert running(it).said == ()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (("shop", ONE), "there is no service shop; there are web"),
        (("web", ONE + 9), "web has no real server 192.168.76.40; it has 192.168.76.31, 192.168.76.32"),
    ],
)
def test_what_is_not_there_cannot_be_drained(tmp_path: Path, name: RealName, words: str) -> None:
    with director(tmp_path) as it:
        assert it.changes is not None
        with pytest.raises(ChangeError, match=words):
            it.do(it.changes.override(name, 0, WHO))


def test_a_drain_has_its_deadline_in_the_store(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        assert it.changes is not None
        deadline = it.do(it.changes.override(("web", ONE), 0, WHO, within=0.5))
        assert [one.deadline for one in running(it).said] == [deadline]
        until(lambda: it.client.get("/v1/status")["services"][0]["reals"][0]["state"] == "draining")
        until(lambda: it.client.get("/v1/status")["services"][0]["reals"][0]["state"] == "down")
        assert json.loads((tmp_path / "state/state.json").read_text())["said"][0]["by"] == WHO
