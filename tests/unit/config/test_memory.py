"""The memory: out as JSON, and back the same."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from carom.config.memory import as_json, from_json
from carom.core.world import Memory, memory_of, step
from carom.events import ConfigLoaded
from carom.model import Real
from carom.outcome import Outcome
from tests.unit.core.stories import CHECKED, ONE, TWO, at_work, fallen, with_service


def test_what_goes_out_comes_back() -> None:
    world = step(fallen(at_work()), [ConfigLoaded(with_service(CHECKED, reals=(Real(ONE),)))], 30.0)
    memory = memory_of(world)
    assert memory.leaving
    back = from_json(json.loads(json.dumps(as_json(memory))))
    assert back.leaving == memory.leaving
    record, kept = memory.health["web"][ONE], back.health["web"][ONE]
    assert kept == replace(record, outcome=replace(Outcome(record.outcome.reason), text="no answer"))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"health": {}},
        {"health": [], "leaving": []},
        {"health": {"web": {"nonsense": {}}}, "leaving": []},
        {"health": {"web": {str(TWO): {"up": True}}}, "leaving": []},
        {"health": {}, "leaving": [["web", str(TWO)]]},
        {"health": {}, "leaving": [["web", str(TWO), "soon"]]},
    ],
)
def test_what_another_make_left_is_no_memory(document: dict[str, object]) -> None:
    assert from_json(document) == Memory()
