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
    return b"".join(_all(document))


def _all(document: Mapping[str, Any]) -> Iterator[bytes]:
    before = b"{"
    for name, value in document.items():
        yield before + json.dumps(name).encode() + b": "
        yield from _value(value)
        before = b", "
    yield b"}" if document else b"{}"


def _value(value: object) -> Iterator[bytes]:
    if not isinstance(value, list | tuple):
        yield json.dumps(value).encode()
        return
    yield b"["
    for start in range(0, len(value), PART):
        part = json.dumps([_plain(item) for item in value[start : start + PART]])
        yield (", " if start else "").encode() + part[1:-1].encode()
    yield b"]"


def _plain(item: Any) -> Any:
    return item.as_json() if hasattr(item, "as_json") else item
