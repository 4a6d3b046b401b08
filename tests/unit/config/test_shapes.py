"""Shapes: which fields a table has, and which word was meant."""

from __future__ import annotations

import pytest

from carom.config import scalars
from carom.config.shapes import Field, Table, nearest

ALWAYS, OWN, OTHER = (Field(name, scalars.boolean(), "", "") for name in ("always", "own", "other"))
TABLE = Table(
    "[t]", "a table", (ALWAYS,), dict, chooser="kind", choices={"a": (OWN,), "b": (OTHER, OWN), "c": ()}, usual="c"
)


@pytest.mark.parametrize(
    ("choice", "fields"),
    [("a", (ALWAYS, OWN)), ("b", (ALWAYS, OTHER, OWN)), ("c", (ALWAYS,)), ("?", (ALWAYS,)), (["a"], (ALWAYS,))],
)
def test_the_chooser_adds_fields(choice: object, fields: tuple[Field, ...]) -> None:
    assert TABLE.fields_for(choice) == fields


def test_every_field_stands_once() -> None:
    assert TABLE.every_field == (ALWAYS, OWN, OTHER)


@pytest.mark.parametrize(
    ("word", "meant"), [("schedular", "scheduler"), ("VIP", "vip"), ("port", "ports"), ("zzz", None), ("", None)]
)
def test_the_word_that_was_meant(word: str, meant: str | None) -> None:
    assert nearest(word, ["scheduler", "vip", "ports"]) == meant


def test_likeness_is_a_matter_of_degree() -> None:
    assert nearest("sched", ["scheduler"]) == "scheduler"
    assert nearest("sched", ["scheduler"], 0.8) is None
