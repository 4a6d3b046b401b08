"""The log: one event in each of its styles."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from carom.log import JournalFormatter, JsonFormatter, Style, TextFormatter, configure


@pytest.fixture(autouse=True)
def _own_root() -> Iterator[None]:
    """The root logger is put back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def event(message: str = "plan applied", *, level: int = logging.INFO, **fields: object) -> logging.LogRecord:
    record = logging.LogRecord("carom.engine", level, __file__, 1, message, (), None)
    record.created = 1772366400.25
    vars(record).update(fields)
    return record


def failure() -> logging.LogRecord:
    record = event("it failed", level=logging.ERROR)
    error = ZeroDivisionError("division by zero")
    record.exc_info = type(error), error, None
    return record


def test_text_has_time_level_message_and_fields() -> None:
    line = TextFormatter().format(event(reals=3, mode="native"))
    assert line == "2026-03-01T12:00:00.250+00:00 info plan applied reals=3 mode=native"


def test_the_journal_gets_a_priority_on_every_line_and_no_time() -> None:
    assert JournalFormatter().format(event(reals=3)) == "<6>plan applied reals=3"
    lines = JournalFormatter().format(failure()).splitlines()
    assert lines[0] == "<3>it failed"
    assert lines[-1] == "<3>ZeroDivisionError: division by zero"
    assert all(line.startswith("<3>") for line in lines)


def test_json_is_one_object_a_line() -> None:
    assert json.loads(JsonFormatter().format(event(reals=3))) == {
        "time": "2026-03-01T12:00:00.250+00:00",
        "level": "info",
        "event": "plan applied",
        "reals": 3,
    }
    line = JsonFormatter().format(failure())
    assert "\n" not in line
    assert json.loads(line)["exception"].endswith("ZeroDivisionError: division by zero")


def test_json_takes_whatever_is_given_as_a_field() -> None:
    assert json.loads(JsonFormatter().format(event(what=b"\x02")))["what"] == "b'\\x02'"


@pytest.mark.parametrize(
    ("style", "journal", "line"),
    [
        (Style.TEXT, False, "info plan applied reals=3\n"),
        (Style.TEXT, True, "<6>plan applied reals=3\n"),
        (Style.JSON, True, '"event": "plan applied", "reals": 3}\n'),
    ],
)
def test_events_go_to_stderr_in_the_style_asked_for(
    style: Style, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, journal: bool
) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    if journal:
        monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    configure(style)
    logging.getLogger("carom.engine").info("plan applied", extra={"reals": 3})
    logging.getLogger("carom.engine").debug("too much detail")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith(line)
    assert err.count("\n") == 1
