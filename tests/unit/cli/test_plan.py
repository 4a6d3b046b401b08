"""`carom plan`: what would change, and nothing does."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.cli.directors import less, run, said
from tests.unit.directors import FAULTY, director


def test_it_shows_what_would_change_and_changes_nothing(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        assert said(it, "plan", less(tmp_path)) == [
            "- web: 192.168.76.32: goes; no new connections, those it has may finish"
        ]
        assert said(it, "plan") == ["nothing changes"], "the director's own file is what runs"
        assert len(list(it.store.versions())) == 1
        assert json.loads("\n".join(said(it, "plan", less(tmp_path), "--json")))["differences"][0]["kind"] == "removed"


def test_faults_are_named_as_check_names_them(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        file = tmp_path / "faulty.toml"
        file.write_text(FAULTY)
        result = run(it, "plan", str(file))
        assert result.exit_code == 1
        assert result.output.startswith(f"{file}:8: service[0].ports[0]: ")


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        result = run(it, "plan", str(tmp_path / "nothing.toml"))
        assert result.exit_code == 2
        assert "nothing.toml cannot be read: No such file or directory" in result.output
