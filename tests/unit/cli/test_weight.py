"""`carom weight`: set by hand, kept, and shown as such."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.cli.directors import run, said
from tests.unit.directors import director, until


def test_a_weight_is_set_and_shown_with_who_set_it(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        assert said(it, "weight", "web", "192.168.76.32", "9") == ["web 192.168.76.32: weight 9, until carom undrain"]
        until(lambda: "9 of 2 by root" in run(it, "status").output)
        assert json.loads("\n".join(said(it, "weight", "web", "192.168.76.32", "0", "--json")))["weight"] == 0


def test_a_weight_that_is_none_is_wrong_usage(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        assert run(it, "weight", "web", "192.168.76.32", "65536").exit_code == 2
        assert run(it, "weight", "web", "192.168.76.32", "-1").exit_code == 2
