"""What a call is: where it is made, what it takes, who may make it. The routes and the OpenAPI document come from it.

A call's handler gets what the request says, read and checked, and returns what JSON can hold. It may raise any
CaromError; `refusal` is the one place that knows which status each becomes.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from carom.api.forms import Form
from carom.api.peer import Peer
from carom.config.load import LARGEST
from carom.errors import (
    CaromError,
    ChangeError,
    ConfigError,
    DataPlaneError,
    RefusedError,
    StoreError,
    UnsupportedError,
)

BODY = LARGEST + (LARGEST >> 2)
"""Bytes that a request's body may have: the largest configuration, quoted."""

Schema = Mapping[str, Any]
"""A JSON Schema, as OpenAPI 3.1 takes it."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a request says: a property of its body, or a part of its path."""

    name: str
    type: Literal["string", "integer", "number"]
    about: str
    required: bool = False
    least: float | None = None
    most: float | None = None
    longest: int | None = None
    """Characters that a string may have."""
    form: Form = field(default_factory=dict)
    """Which form a string has, if it is there; the call's handler has the last word."""

    @property
    def schema(self) -> Schema:
        """Its JSON Schema; what may be left out may be null too."""
        found: dict[str, Any] = {"type": self.type if self.required else [self.type, "null"], "description": self.about}
        if self.least is not None:
            found["minimum"] = self.least
        if self.most is not None:
            found["maximum"] = self.most
        if self.type == "string":
            found["minLength"] = 1
        if self.longest is not None:
            found["maxLength"] = self.longest
        return {**found, **self.form}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, read and checked."""

    peer: Peer
    said: Mapping[str, Any] = field(default_factory=dict)
    """What its body and its path say; None for what they leave out."""


Handler = Callable[[Asked], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the API."""

    method: Literal["GET", "POST"]
    path: str
    handler: Handler
    """Its docstring is what the document says of the call."""
    answer: Schema
    """What is answered when all goes well."""
    takes: tuple[Item, ...] = ()
    """What its body says; for a GET, what its path says."""
    asks: tuple[Item, ...] = ()
    """What its query may say."""
    writes: bool = False
    """Whether it takes the right to change things."""

    @property
    def about(self) -> str:
        return (self.handler.__doc__ or "").strip()


def said_in(body: bytes, takes: tuple[Item, ...]) -> dict[str, Any]:
    """What a body says, checked. Raises RefusedError."""
    if not body and not any(item.required for item in takes):
        body = b"{}"
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise RefusedError(400, "the body is not JSON") from None
    if not isinstance(found, dict):
        raise RefusedError(400, "the body is not a JSON object")
    if strangers := found.keys() - {item.name for item in takes}:
        takes_words = ", ".join(item.name for item in takes) or "nothing"
        raise RefusedError(400, f"{min(strangers)[:40]!r} is not known here; this takes {takes_words}")
    return {item.name: _checked(item, found.get(item.name)) for item in takes}


def said_in_query(pairs: Iterable[tuple[str, str]], asks: tuple[Item, ...]) -> dict[str, Any]:
    """What a query says, checked as a body is. Raises RefusedError."""
    types = {item.name: item.type for item in asks}
    found: dict[str, Any] = {}
    for name, text in pairs:
        if name in found:
            raise RefusedError(400, f"{name[:40]!r} is said twice")
        is_number = types.get(name) == "integer" and text.isascii() and text.isdecimal() and len(text) < 20
        found[name] = int(text) if is_number else text
    return said_in(json.dumps(found).encode(), asks)


def _checked(item: Item, value: object) -> object:
    if value is None:
        if item.required:
            raise RefusedError(400, f"{item.name} is missing: {item.about}")
        return None
    if item.type == "string":
        return _text(item, value)
    right = int if item.type == "integer" else (int, float)
    if isinstance(value, float) and item.type == "integer" and value.is_integer():
        value = int(value)  # JSON Schema calls 1.0 an integer
    if not isinstance(value, right) or isinstance(value, bool) or value != value or abs(value) == float("inf"):
        raise RefusedError(400, f"{item.name} takes {'an' if item.type == 'integer' else 'a'} {item.type}")
    if (item.least is not None and value < item.least) or (item.most is not None and value > item.most):
        raise RefusedError(400, f"{item.name} takes {item.least or 0:g} to {item.most or float('inf'):g}")
    return value


def _text(item: Item, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise RefusedError(400, f"{item.name} takes a string")
    if item.longest is not None and len(value) > item.longest:
        raise RefusedError(400, f"{item.name} takes {item.longest:,} characters, and these are {len(value):,}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise RefusedError(400, f"{item.name} is no Unicode text: half a surrogate pair stands in it") from None
    return value


def refusal(error: CaromError) -> tuple[int, dict[str, Any]]:
    """The status and the document with which an error is answered."""
    match error:
        case RefusedError():
            return error.status, {"error": str(error)}
        case ConfigError():
            faults = [
                {"file": one.file, "line": one.line, "path": one.path, "message": one.message} for one in error.faults
            ]
            return 422, {
                "error": f"the configuration has {len(faults)} fault{'s' * (len(faults) != 1)}",
                "faults": faults,
            }
        case ChangeError() | DataPlaneError() | UnsupportedError():
            return 409, {"error": str(error)}
        case StoreError():
            return 507, {"error": str(error)}
        case _:
            return 500, {"error": str(error)}
