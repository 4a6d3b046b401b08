"""The contract's tables: every field of the model can be written, and every example is what it is an example of."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest

from carom.config.kinds import KINDS
from carom.config.read import read
from carom.config.shapes import Field, Table
from carom.config.tables import CHECK, COMMON, DEFENCE, DIRECTOR, HOOK, REAL, SERVICE, TABLES, TIMEOUTS


def every_field() -> Iterator[tuple[Table, str, Field]]:
    for table in TABLES:
        yield from ((table, "", field) for field in table.fields)
        yield from ((table, kind, field) for kind, keys in table.choices.items() for field in keys)


@pytest.mark.parametrize("table", [DIRECTOR, DEFENCE, TIMEOUTS, HOOK, REAL, SERVICE], ids=lambda table: table.title)
def test_every_field_of_the_model_can_be_written(table: Table) -> None:
    assert table.model is not None
    assert sorted(field.name for field in table.fields) == sorted(field.name for field in fields(table.model))


def test_a_check_has_its_common_fields_and_its_kinds() -> None:
    assert CHECK.model is not None
    assert {*COMMON, "options"} == {field.name for field in fields(CHECK.model)}
    assert CHECK.choices == KINDS


def document(table: Table, written: dict[str, Any]) -> dict[str, Any]:
    """A whole document with this in the place of that table."""
    match table.title:
        case "[director]":
            return {"director": written}
        case "[timeouts]":
            return {"timeouts": written}
        case "[defence]":
            return {"defence": written}
        case "[[service]]":
            return {"service": [written]}
        case "reals = [{ }]":
            return {"service": [{"reals": [written]}]}
        case "[service.check]":
            return {"service": [{"check": written}]}
        case "[[hook]]":
            return {"hook": [written]}
        case _:
            return written


@pytest.mark.parametrize(("table", "kind", "field"), list(every_field()), ids=str)
def test_every_key_is_explained_and_its_example_is_sound(table: Table, kind: str, field: Field) -> None:
    assert field.about.endswith(".")
    example = tomllib.loads(field.example)
    assert list(example) == [field.name]
    _, flaws = read(document(table, {"kind": kind, **example} if kind else example))
    assert not [flaw for flaw in flaws if field.name in flaw.path and "missing" not in flaw.message]


def test_what_cannot_be_read_has_a_stand_in() -> None:
    """So that the rules can go over the rest, and every index stays the file's."""
    empty = SERVICE.build({})
    config, flaws = read({"service": [1, {"ports": ["x", "tcp/80"], "reals": ["y", "192.0.2.1"]}]})
    assert config.director.interface == ""
    assert config.services[0] == empty
    assert [str(ports) for ports in config.services[1].ports] == ["tcp/0", "tcp/80"]
    assert [str(real.address) for real in config.services[1].reals] == ["0.0.0.0", "192.0.2.1"]
    assert len(flaws) == 6
