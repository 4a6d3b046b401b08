"""The table of calls: complete, and each on its guard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from carom.api.call import Call
from carom.api.calls import calls
from tests.unit.directors import Director, director


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Call, ...]]:
    with director(tmp_path_factory.mktemp("director")) as it:
        yield _table(it)


def _table(it: Director) -> tuple[Call, ...]:
    assert it.engine is not None
    assert it.changes is not None
    engine = it.engine
    return calls(lambda: engine.snapshot, it.changes, it.changes.findings)


def test_whatever_changes_something_takes_the_right_to(table: tuple[Call, ...]) -> None:
    writing = {call.path for call in table if call.writes}
    assert writing == {
        *("/v1/apply", "/v1/confirm", "/v1/rollback"),
        *("/v1/drain", "/v1/undrain", "/v1/weight"),
    }
    assert {call.path for call in table if call.method == "POST"} - writing == {"/v1/plan"}


def test_each_path_is_there_once_and_says_what_it_does(table: tuple[Call, ...]) -> None:
    assert len({(call.method, call.path) for call in table}) == len(table)
    for call in table:
        assert call.about.endswith(".")
        assert "\n" not in call.about
