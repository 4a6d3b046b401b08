"""A document, encoded by parts, is the same document."""

from __future__ import annotations

import json

import pytest

from carom.api.encoding import PART, encoded
from carom.core.diff import Difference, Kind


@pytest.mark.parametrize("count", [0, 1, PART - 1, PART, PART + 1, 3 * PART + 7])
def test_every_item_is_there_however_many(count: int) -> None:
    document = {"numbers": list(range(count)), "name": 'a "quoted" ü', "none": None, "more": {"nested": [1, 2]}}
    assert json.loads(encoded(document)) == document


def test_what_knows_how_to_be_told_is_asked() -> None:
    difference = Difference(Kind.ADDED, "web")
    assert json.loads(encoded({"differences": (difference,)})) == {"differences": [difference.as_json()]}


def test_an_empty_document_is_one() -> None:
    assert json.loads(encoded({})) == {}
