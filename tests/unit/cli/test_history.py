"""`carom history`: what ran when, and how it was written."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.unit.cli.directors import less, said
from tests.unit.directors import CONFIG, director


def test_it_lists_what_ran_and_marks_what_runs(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        said(it, "apply", less(tmp_path), "--confirm-within", "60")
        heading, newest, first, pending = said(it, "history")
        assert heading.split() == ["VERSION", "SINCE", "BY", "WHAT"]
        assert re.fullmatch(r"\* +2  \S+ \S+  root +- web: 192.168.76.32: goes", newest)
        assert re.fullmatch(r" +1  \S+ \S+  caromd  first start", first)
        assert pending.startswith("version 2 undoes itself at ")
        assert json.loads("\n".join(said(it, "history", "--json")))["running"] == 2


def test_a_version_is_printed_exactly_as_it_was_written(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        assert "\n".join(said(it, "history", "1")) + "\n" == CONFIG
        assert json.loads("\n".join(said(it, "history", "1", "--json")))["text"] == CONFIG
