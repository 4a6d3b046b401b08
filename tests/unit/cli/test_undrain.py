"""`carom undrain`: the configured weight counts again."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.cli.directors import run, said
from tests.unit.directors import director, until


def test_what_was_set_is_taken_back(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        said(it, "weight", "web", "192.168.76.32", "9")
        assert said(it, "undrain", "web", "192.168.76.32") == ["web 192.168.76.32: its configured weight counts again"]
        until(lambda: it.client.get("/v1/status")["services"][0]["reals"][1]["effective_weight"] == 2)
        found = json.loads("\n".join(said(it, "undrain", "web", "192.168.76.32", "--json")))
        assert found["weight"] is None


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        result = run(it, "undrain", "shop", "192.168.76.32")
        assert (result.exit_code, result.output) == (1, "carom: there is no service shop; there are web\n")
        assert run(it, "undrain", "web", "one").exit_code == 1
