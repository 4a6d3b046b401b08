"""Shapes: what stands where in a configuration file, as data.

`carom.config.tables` writes the whole contract in these four shapes, once. Three interpreters go over it: `read` turns
a document into values, `schema` makes a JSON Schema, `reference` makes the tables of `docs/configuration.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import chain
from typing import Any


class WrongValueError(ValueError):
    """A scalar cannot take a value. Never leaves `carom.config`."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        """What to write instead; empty: what the scalar takes and the field's example say it."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value: text, a number, true or false."""

    noun: str
    """What it takes, to follow "takes": `a whole number from 0 to 65535`."""
    read: Callable[[object], Any]
    """The value in Carom's words. Raises WrongValueError."""
    schema: Mapping[str, Any]
    """The same in JSON Schema, as far as it can say it."""


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of one shape."""

    item: Scalar | Table | Either
    noun: str
    """What it takes: `a list of ports`."""
    blank: Any = None
    """Stands in for an item that cannot be read, so that those after it keep their index; None: left out."""
    least: int = 1


@dataclass(frozen=True, slots=True)
class Either:
    """A scalar, or a table where more has to be said."""

    scalar: Scalar
    table: Table

    @property
    def noun(self) -> str:
        return f"{self.scalar.noun} or {self.table.noun}"


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a table."""

    name: str
    shape: Scalar | ListOf | Either | Table
    about: str
    """What it does, in a sentence."""
    example: str
    """A line of TOML."""
    default: object = None
    """What it is where it is not written; None: what the table's model says."""
    default_words: str = ""
    """The same for people, where the value does not say it."""
    required: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Keys and their fields. One of them may decide which more there are."""

    title: str
    """How it stands in a file: `[[service]]`."""
    noun: str
    fields: tuple[Field, ...]
    build: Callable[[dict[str, Any]], Any]
    """From what could be read of it to the value; what is missing has a stand-in."""
    model: type | None = None
    """The class that holds the defaults."""
    chooser: str = ""
    """The key whose value adds fields."""
    usual: str = ""
    """The chooser's value where it is not written."""
    choices: Mapping[str, tuple[Field, ...]] = field(default_factory=dict)

    def fields_for(self, choice: object) -> tuple[Field, ...]:
        """The fields there are where the chooser has this value."""
        return (*self.fields, *(self.choices.get(choice, ()) if isinstance(choice, str) else ()))

    @property
    def every_field(self) -> tuple[Field, ...]:
        """The fields there are, whatever the chooser's value; of those with one name, one."""
        fields = chain(self.fields, *self.choices.values())
        return tuple({one.name: one for one in fields}.values())


def nearest(word: str, known: Iterable[str], likeness: float = 0.6) -> str | None:
    """The known word that this one was probably meant to be: of the same letters, else the one most like it."""
    words = list(known)
    if same := next((one for one in words if sorted(one) == sorted(word.lower())), None):
        return same
    return next(iter(get_close_matches(word.lower(), words, 1, likeness)), None)
