"""`carom rollback`: back, and back again."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.cli.directors import less, run, said
from tests.unit.directors import director


def test_there_and_back_again(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        said(it, "apply", less(tmp_path))
        assert said(it, "rollback")[-1] == "version 3 runs"
        assert said(it, "rollback", "2")[-1] == "version 4 runs"
        assert json.loads("\n".join(said(it, "rollback", "1", "--json")))["version"]["number"] == 5
        assert it.store.text(5) == it.store.text(1)


def test_a_version_that_is_not_there_is_named(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        result = run(it, "rollback", "9")
        assert result.exit_code == 1
        assert "there is no version 9" in result.output
        assert run(it, "rollback", "first").exit_code == 2
