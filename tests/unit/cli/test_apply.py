"""`carom apply`: what changed, and what runs now."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.unit.cli.directors import less, run, said
from tests.unit.directors import director


def test_it_says_what_changed_and_what_runs(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        assert said(it, "apply", less(tmp_path)) == [
            "- web: 192.168.76.32: goes; no new connections, those it has may finish",
            "version 2 runs",
        ]
        assert said(it, "apply")[-1] == "version 3 runs", "without a file, the director's own"


def test_what_must_be_confirmed_says_until_when(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        last = said(it, "apply", less(tmp_path), "--confirm-within", "2m")[-1]
        assert re.fullmatch(r"version 2 runs, and undoes itself at \S+ \S+ unless you run: carom confirm", last)
        result = run(it, "apply", less(tmp_path))
        assert result.exit_code == 1
        assert result.output == "carom: version 2 awaits confirmation: first carom confirm, or carom rollback\n"


def test_programs_get_one_document(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        found = json.loads("\n".join(said(it, "apply", less(tmp_path), "--json")))
        assert found["version"]["number"] == 2
        assert found["confirm_by"] is None


def test_a_refusal_of_the_data_planes_ends_with_1(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        it.refuse()
        result = run(it, "apply", less(tmp_path))
        it.plane.refusal = None
        assert (result.exit_code, result.output) == (1, "carom: the members are full\n")
