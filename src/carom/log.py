"""The log: one line an event on stderr, for people, for the journal, or as JSON for machines.

Modules log as usual, `log.info("plan applied", extra={"reals": 3})`. The message stays the same for ever, so that it
can be searched for; what varies is a field:

    text     2026-03-01T12:00:00.000+00:00 info plan applied reals=3
    journal  <6>plan applied reals=3            (sd-daemon(3): the journal keeps time and level itself)
    json     {"time": "2026-03-01T12:00:00.000+00:00", "level": "info", "event": "plan applied", "reals": 3}
"""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

NOT_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
"""What every record has; anything else was given as `extra`. (The last is uvicorn's.)"""


class Style(StrEnum):
    """How lines look."""

    TEXT = "text"
    JSON = "json"


def configure(style: Style = Style.TEXT) -> None:
    """Send every event from INFO on to stderr in this style; text to the journal, where stderr is one, in its own."""
    handler = logging.StreamHandler(sys.stderr)
    if style is Style.JSON:
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(JournalFormatter() if "JOURNAL_STREAM" in os.environ else TextFormatter())
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)


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
