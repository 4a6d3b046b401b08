"""The log: one line an event on stderr, for people, for the journal, or as JSON for machines.

Modules log as usual, `log.info("plan applied", extra={"reals": 3})`. The message stays the same for ever, so that it
can be searched for; what varies is a field:

    text     2026-03-01T12:00:00.000+00:00 info plan applied reals=3
    journal  plan applied reals=3               (and CAROM_EVENT, CAROM_REALS, ... to search by)
    json     {"time": "2026-03-01T12:00:00.000+00:00", "level": "info", "event": "plan applied", "reals": 3}
"""

from __future__ import annotations

import json
import logging
import os
import re
import socket
import struct
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TextIO

NOT_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
"""What every record has; anything else was given as `extra`. (The last is uvicorn's.)"""


JOURNAL = Path("/run/systemd/journal/socket")


class Style(StrEnum):
    """How lines look."""

    TEXT = "text"
    JSON = "json"


def configure(style: Style = Style.TEXT) -> None:
    """Send every event from INFO on to stderr in this style; text to the journal, where stderr is one, in its own."""
    handler = (
        JournalHandler() if style is Style.TEXT and _stderr_is_the_journal() else logging.StreamHandler(sys.stderr)
    )
    if not isinstance(handler, JournalHandler):
        handler.setFormatter(JsonFormatter() if style is Style.JSON else TextFormatter())
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)


def _stderr_is_the_journal() -> bool:
    """systemd.exec(5): `$JOURNAL_STREAM` is stderr's device and inode, unless somebody has redirected it since."""
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class TextFormatter(logging.Formatter):
    """For people."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{_time(record)} {record.levelname.lower()} {_sentence(record)}{self._exception(record)}"

    def _exception(self, record: logging.LogRecord) -> str:
        return f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""


class JournalFormatter(TextFormatter):
    """For systemd's journal."""

    PRIORITIES = {"CRITICAL": 2, "ERROR": 3, "WARNING": 4, "INFO": 6, "DEBUG": 7}  # noqa: RUF012 - a constant

    def format(self, record: logging.LogRecord) -> str:
        text = f"{_sentence(record)}{self._exception(record)}"
        priority = self.PRIORITIES.get(record.levelname, 6)
        return "\n".join(f"<{priority}>{line}" for line in text.splitlines())


class JournalHandler(logging.StreamHandler[TextIO]):
    """The journal's own protocol (systemd's "Native Journal Protocol"), so that fields can be searched by.

    What it does not take at once goes to stderr, which is the journal too.
    """

    def __init__(self, path: Path = JOURNAL) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(JournalFormatter())
        self._path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._socket.sendto(b"".join(_journal_fields(record, self.format(record))), self._path)
        except OSError:
            super().emit(record)

    def close(self) -> None:
        self._socket.close()
        super().close()


def _journal_fields(record: logging.LogRecord, lines: str) -> Iterator[bytes]:
    """`lines` is the record as `JournalFormatter` has it."""
    told = {"event": record.getMessage(), **_fields(record)}
    own = {f"CAROM_{re.sub('[^A-Z0-9_]', '_', name.upper())}": value for name, value in told.items()}
    message = "\n".join(line.partition(">")[2] for line in lines.splitlines())
    priority = JournalFormatter.PRIORITIES.get(record.levelname, 6)
    known = {"MESSAGE": message, "PRIORITY": priority, "SYSLOG_IDENTIFIER": "caromd", "LOGGER": record.name}
    for name, value in {**known, **own}.items():
        data = str(value).encode(errors="replace")
        yield b"%s\n%s%s\n" % (name.encode(), struct.pack("<Q", len(data)), data)


class JsonFormatter(logging.Formatter):
    """For machines: one object a line."""

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, Any] = {"time": _time(record), "level": record.levelname.lower(), "event": record.getMessage()}
        event |= _fields(record)
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return json.dumps(event, default=str)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in NOT_FIELDS}


def _sentence(record: logging.LogRecord) -> str:
    fields = "".join(f" {name}={value}" for name, value in _fields(record).items())
    return f"{record.getMessage()}{fields}"
