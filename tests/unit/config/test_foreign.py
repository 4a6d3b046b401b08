"""The words of others: each leads to a key or word that there is, and hides none."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from carom.config import foreign
from carom.config.kinds import KINDS
from carom.config.tables import TABLES
from carom.model import OnMisuse, OnNoReal, Scheduler

FIELDS = {table.title: {field.name for field in table.every_field} for table in TABLES}


def test_every_key_leads_to_one_of_its_table() -> None:
    assert all(ours in FIELDS[title] for (title, _), ours in foreign.FOREIGN.items())


def test_no_key_hides_ours() -> None:
    for title, theirs in (*foreign.FOREIGN, *foreign.ADVICE):
        assert theirs not in FIELDS[title]
        assert theirs == theirs.lower()


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (foreign.SCHEDULERS, list(Scheduler)),
        (foreign.CHECKS, list(KINDS)),
        (foreign.REFUSALS, list(OnNoReal)),
        (foreign.MISUSES, list(OnMisuse)),
    ],
)
def test_every_word_leads_to_one_of_ours(theirs: Mapping[str, str], ours: list[str]) -> None:
    assert set(theirs.values()) <= set(ours)
    assert not set(theirs) & set(ours)
