"""`carom confirm`: what stands, and what does not need to."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.cli.directors import less, run, said
from tests.unit.directors import director


def test_what_is_confirmed_stands(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        said(it, "apply", less(tmp_path), "--confirm-within", "60")
        assert said(it, "confirm") == ["version 2 stands"]
        result = run(it, "confirm")
        assert result.exit_code == 1
        assert "nothing awaits confirmation" in result.output
        said(it, "apply", "--confirm-within", "60")
        assert json.loads("\n".join(said(it, "confirm", "--json")))["version"]["number"] == 3
