"""The configuration file's contract as JSON Schema (2020-12), for editors: `python -m carom.config.schema`.

Made from the tables the loader reads by, so it says what they say. The rules between values (`carom.core.validate`)
are beyond it: what it accepts may still have faults, what it refuses has one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import MISSING, fields
from enum import Enum
from typing import Any

from carom.config.shapes import Either, Field, ListOf, Scalar, Table
from carom.config.tables import ROOT

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """The whole schema."""
    return {"$schema": DIALECT, "title": "carom.toml", **_of(ROOT)}


def default(field: Field, table: Table) -> object:
    """What a key is where it is not written; None where that is no plain value."""
    value = field.default
    if table.model is not None and field in table.fields:
        value = next((one.default for one in fields(table.model) if one.name == field.name), MISSING)
    if isinstance(value, Enum):
        return value.value
    return value if isinstance(value, bool | int | float) or (isinstance(value, str) and value) else None


def _of(shape: Scalar | ListOf | Either | Table) -> dict[str, Any]:
    match shape:
        case Scalar():
            return dict(shape.schema)
        case ListOf():
            return {"type": "array", "items": _of(shape.item), "minItems": shape.least}
        case Either():
            return {"anyOf": [_of(shape.scalar), _of(shape.table)]}
        case Table(chooser=""):
            return _object(shape, shape.fields)
        case Table():
            return {"oneOf": [_chosen(shape, choice) for choice in shape.choices]}


def _object(table: Table, keys: tuple[Field, ...]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {field.name: _property(field, table) for field in keys},
        "required": [field.name for field in keys if field.required],
        "additionalProperties": False,
    }


def _chosen(table: Table, choice: str) -> dict[str, Any]:
    """The table where its chooser has this value. It may be left out where that is the usual one."""
    one = _object(table, table.fields_for(choice))
    one["properties"][table.chooser] |= {"const": choice}
    if choice != table.usual:
        one["required"].insert(0, table.chooser)
    return one


def _property(field: Field, table: Table) -> dict[str, Any]:
    value = default(field, table)
    known: Mapping[str, Any] = {} if value is None else {"default": value}
    return {"description": field.about, **_of(field.shape), **known}


def main() -> None:
    """Print it."""
    sys.stdout.write(json.dumps(schema(), indent=2) + "\n")


if __name__ == "__main__":
    main()
