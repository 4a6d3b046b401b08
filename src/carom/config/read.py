"""From a TOML document to a `Config`, by the tables of the contract, noting every flaw on the way.

Reading never stops at a flaw: what cannot be read is left at its default or gets a stand-in, so that the rules of
`carom.core.validate` can go over the rest and every index stays the file's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from carom.config.foreign import ADVICE, FOREIGN
from carom.config.scalars import misfit
from carom.config.shapes import Either, Field, ListOf, Scalar, Table, WrongValueError, nearest
from carom.config.tables import ROOT, TABLES
from carom.core.flaw import Flaw, Path, shown
from carom.model import Config

_UNREAD = object()
"""In place of a value that could not be read."""


def read(document: Mapping[str, Any]) -> tuple[Config, list[Flaw]]:
    """The configuration and the flaws of its single values; the Config is sound only if there are none."""
    reader = _Reader()
    return reader.table(ROOT, document, ()), reader.flaws


class _Reader:
    def __init__(self) -> None:
        self.flaws: list[Flaw] = []

    def table(self, table: Table, found: Mapping[str, Any], at: Path) -> Any:
        choice = found.get(table.chooser, table.usual)
        known = _named(table.fields_for(choice))
        fields = known if choice in (table.usual, *table.choices) else _named(table.every_field)
        values = {}
        for key, value in found.items():
            name = key if key in fields else self._unknown(key, at, table, fields, choice)
            if name and (name == key or name not in found):
                values[name] = self._value(fields[name].shape, value, (*at, key), fields[name])
        for field in known.values():
            if field.required and field.name not in values:
                self._flaw((*at, field.name), f"missing; write {field.example}")
        return table.build({name: value for name, value in values.items() if value is not _UNREAD})

    def _value(self, shape: Scalar | ListOf | Either | Table, value: object, at: Path, field: Field) -> Any:
        match shape:
            case Scalar():
                return self._scalar(shape, value, at, field)
            case ListOf():
                return self._list(shape, value, at, field)
            case Either():
                one = shape.table if isinstance(value, dict) else shape.scalar
                return self._value(one, value, at, field)
            case Table():
                if isinstance(value, dict):
                    return self.table(shape, value, at)
                return self._misfit(misfit(value), shape.noun, at, field)

    def _scalar(self, scalar: Scalar, value: object, at: Path, field: Field) -> Any:
        try:
            return scalar.read(value)
        except WrongValueError as wrong:
            return self._misfit(wrong, scalar.noun, at, field)

    def _list(self, shape: ListOf, value: object, at: Path, field: Field) -> Any:
        if not isinstance(value, list):
            return self._misfit(misfit(value), shape.noun, at, field)
        if len(value) < shape.least:
            return self._misfit(WrongValueError("an empty list does not fit"), shape.noun, at, field)
        items = [self._value(shape.item, item, (*at, index), field) for index, item in enumerate(value)]
        items = [shape.blank if item is _UNREAD else item for item in items]
        return tuple(item for item in items if item is not None)

    def _misfit(self, wrong: WrongValueError, noun: str, at: Path, field: Field) -> object:
        remedy = wrong.remedy or f"{field.name} takes {noun}, for instance {field.example}"
        self._flaw(at, f"{wrong.what}; {remedy}")
        return _UNREAD

    def _unknown(self, key: str, at: Path, table: Table, fields: Mapping[str, Field], choice: object) -> str | None:
        """Note an unknown key. Gives the key that was clearly meant, to read its value."""
        if advice := ADVICE.get((table.title, key.lower())):
            self._flaw((*at, key), advice)
            return None
        if meant := FOREIGN.get((table.title, key.lower())) or nearest(key, fields, 0.8):
            self._flaw((*at, key), f"unknown key; write {meant}", (*at, meant))
        else:
            self._flaw((*at, key), _advice(key, table, fields, choice))
        return meant

    def _flaw(self, at: Path, message: str, *against: Path) -> None:
        self.flaws.append(Flaw(at, message, against))


def _advice(key: str, table: Table, fields: Mapping[str, Field], choice: object) -> str:
    """What to do about an unknown key: where it belongs, else what may have been meant, else what there is."""
    kinds = [shown(kind) for kind, more in table.choices.items() if key in _named(more)]
    if kinds:
        return f"a check of kind {shown(choice)} has no {key}; write kind = {' or '.join(kinds)}, or delete it"
    if key in _named(ROOT.fields):
        return f"unknown key here; write {_named(ROOT.fields)[key].example}, which is a table of its own"
    homes = [other.title for other in TABLES if key in _named(other.every_field)]
    if homes:
        return f"unknown key here; it belongs in {homes[0]}"
    if near := nearest(key, fields):
        return f"unknown key; write {near}"
    return f"unknown key; delete it, or write one of {', '.join(fields)}"


def _named(fields: Iterable[Field]) -> dict[str, Field]:
    return {field.name: field for field in fields}
