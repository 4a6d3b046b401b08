"""Calls: what a body says, and what becomes of errors."""

from __future__ import annotations

import pytest

from carom.api.call import Asked, Call, Item, refusal, said_in
from carom.api.peer import Peer
from carom.errors import (
    CaromError,
    ChangeError,
    ConfigError,
    DataPlaneError,
    RefusedError,
    StoreError,
    UnsupportedError,
)
from carom.model import Fault

NAME = Item("name", "string", "what to call it", required=True)
SIZE = Item("size", "integer", "how large", least=1, most=9)
SHARE = Item("share", "number", "how much")


def test_what_is_left_out_is_none() -> None:
    assert said_in(b'{"name": "web"}', (NAME, SIZE)) == {"name": "web", "size": None}
    assert said_in(b"", (SIZE,)) == {"size": None}


@pytest.mark.parametrize(("value", "read"), [("5", 5), ("5.0", 5), ("1", 1), ("9", 9), ("null", None)])
def test_an_integer_is_what_json_schema_calls_one(value: str, read: int | None) -> None:
    assert said_in(b'{"size": %s}' % value.encode(), (SIZE,)) == {"size": read}


@pytest.mark.parametrize("value", ["0", "10", "5.5", '"5"', "true", "[5]", "NaN", "Infinity"])
def test_what_does_not_fit_is_refused_by_name(value: str) -> None:
    with pytest.raises(RefusedError, match=r"^size takes "):
        said_in(b'{"size": %s}' % value.encode(), (SIZE,))


@pytest.mark.parametrize("value", ["NaN", "-Infinity", "1e999", "false"])
def test_a_number_is_finite(value: str) -> None:
    with pytest.raises(RefusedError, match="share takes a number"):
        said_in(b'{"share": %s}' % value.encode(), (SHARE,))


def test_a_string_has_an_end() -> None:
    short = Item("name", "string", "what to call it", longest=3)
    assert short.schema["maxLength"] == 3
    assert said_in(b'{"name": "web"}', (short,)) == {"name": "web"}
    with pytest.raises(RefusedError, match="name takes 3 characters, and these are 4"):
        said_in(b'{"name": "webs"}', (short,))


def test_its_schema_says_the_same() -> None:
    assert NAME.schema == {"type": "string", "description": "what to call it", "minLength": 1}
    assert SIZE.schema == {"type": ["integer", "null"], "description": "how large", "minimum": 1, "maximum": 9}
    word = Item("word", "string", "one of two", form={"enum": ["a", "b"]})
    assert word.schema == {"type": ["string", "null"], "description": "one of two", "minLength": 1, "enum": ["a", "b"]}


def test_a_call_is_described_by_its_handler() -> None:
    async def handler(_: Asked) -> None:
        """Do nothing well."""

    assert Call("GET", "/v1/nothing", handler, {}).about == "Do nothing well."
    assert Asked(Peer("anna", may_write=True)).said == {}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RefusedError(403, "no"), 403),
        (ChangeError("not now"), 409),
        (DataPlaneError("full"), 409),
        (UnsupportedError("not here"), 409),
        (StoreError("no space left"), 507),
        (CaromError("something else"), 500),
    ],
)
def test_each_error_has_its_status(error: CaromError, status: int) -> None:
    assert refusal(error) == (status, {"error": str(error)})


def test_faults_are_listed() -> None:
    status, found = refusal(ConfigError((Fault("x.toml", 3, "service[0].vip", "missing"),)))
    assert status == 422
    assert found["faults"] == [{"file": "x.toml", "line": 3, "path": "service[0].vip", "message": "missing"}]
