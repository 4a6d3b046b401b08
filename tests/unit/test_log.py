"""The log: one event in each of its styles."""

from __future__ import annotations

import json
import logging
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from carom.log import JournalFormatter, JournalHandler, JsonFormatter, Style, TextFormatter, configure


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


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "journal"))
        journal.settimeout(5)
        yield journal


def entry(journal: socket.socket) -> dict[str, str]:
    """What the journal has got: names, lengths and values."""
    data, found = journal.recv(1 << 16), {}
    while data:
        name, _, rest = data.partition(b"\n")
        end = 8 + struct.unpack_from("<Q", rest)[0]
        found[name.decode()] = rest[8:end].decode()
        assert rest[end : end + 1] == b"\n"
        data = rest[end + 1 :]
    return found


def test_the_journal_gets_every_field_by_its_name(journal: socket.socket) -> None:
    handler = JournalHandler(Path(journal.getsockname()))
    handler.handle(event("real server down", level=logging.WARNING, service="web", why="two\nlines"))
    handler.close()
    assert entry(journal) == {
        "MESSAGE": "real server down service=web why=two\nlines",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "caromd",
        "LOGGER": "carom.engine",
        "CAROM_EVENT": "real server down",
        "CAROM_SERVICE": "web",
        "CAROM_WHY": "two\nlines",
    }


def test_what_the_journal_does_not_take_goes_to_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], journal: socket.socket
) -> None:
    for path, field in ((tmp_path / "nobody", "x"), (Path(journal.getsockname()), "x" * (1 << 20))):
        handler = JournalHandler(path)
        handler.handle(event(reals=field))
        handler.close()
        assert capsys.readouterr().err == f"<6>plan applied reals={field}\n"


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
        (Style.TEXT, True, "info plan applied reals=3\n"),  # a journal, but not our stderr any more
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
