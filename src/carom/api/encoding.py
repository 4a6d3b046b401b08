"""Encoding: a document as JSON, a part at a time.

The standard library's encoder keeps the interpreter to itself while it runs, which for a document of 100,000 real
servers is a second in which nobody else gets an answer. For a thread of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

PART = 100
"""Items of a list that are encoded together."""


def encoded(document: Mapping[str, Any]) -> bytes:
    """The document. Its own lists are encoded by parts; in them, what has an `as_json` says itself what it is."""
    members = (f"{json.dumps(name)}: {_value(value)}" for name, value in document.items())
    return f"{{{', '.join(members)}}}".encode()


def _value(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(filter(None, _parts(value)))}]"
    return json.dumps(value)


def _parts(items: list[Any] | tuple[Any, ...]) -> Iterator[str]:
    for start in range(0, len(items), PART):
        yield json.dumps([_plain(item) for item in items[start : start + PART]])[1:-1]


def _plain(item: Any) -> Any:
    return item.as_json() if hasattr(item, "as_json") else item
