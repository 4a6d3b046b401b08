"""The kinds of checks: what a file may say of each is what its class takes, by name and default."""

from __future__ import annotations

from dataclasses import MISSING, fields

import pytest

from carom.checks import registry
from carom.config.kinds import KINDS
from carom.core.check_target import TRANSPORTS


def test_everybody_knows_the_same_kinds() -> None:
    assert list(KINDS) == list(TRANSPORTS)
    assert sorted(KINDS) == sorted(registry.KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kinds_fields_are_those_of_its_class(kind: str) -> None:
    written = {field.name: MISSING if field.required else field.default for field in KINDS[kind]}
    taken = {field.name: field.default for field in fields(registry.kind(kind))}  # type: ignore[arg-type]
    assert written == taken
