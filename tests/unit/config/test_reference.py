"""The page about the configuration: current, complete, and true in its examples."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from carom.config.load import load
from carom.config.reference import lists, rewritten
from carom.config.tables import CHECK, DEFENCE, DIRECTOR, HOOK, REAL, SERVICE, TIMEOUTS
from carom.errors import ConfigError

PAGE = Path(__file__).parents[3] / "docs/configuration.md"


def test_the_committed_page_is_current(tmp_path: Path) -> None:
    copy = tmp_path / "page.md"
    copy.write_text(PAGE.read_text())
    subprocess.run([sys.executable, "-m", "carom.config.reference", copy], check=True)
    assert copy.read_text() == PAGE.read_text(), "run: ./dev format"


def test_every_key_is_on_the_page() -> None:
    text = PAGE.read_text()
    fields = [
        field for table in (DIRECTOR, DEFENCE, TIMEOUTS, SERVICE, REAL, CHECK, HOOK) for field in table.every_field
    ]
    assert not [field.name for field in fields if f"- `{field.name}`" not in text or field.example not in text]


def test_only_what_stands_between_the_marks_is_rewritten() -> None:
    page = "before\n<!-- keys: director -->\nold\n<!-- end -->\nafter\n"
    assert rewritten(page) == f"before\n<!-- keys: director -->\n\n{lists()['director']}\n\n<!-- end -->\nafter\n"
    assert rewritten(rewritten(page)) == rewritten(page)


def test_a_mark_for_nothing_is_an_error() -> None:
    with pytest.raises(KeyError, match="reals"):
        rewritten("<!-- keys: reals -->\n<!-- end -->")


def test_the_configuration_on_the_page_is_sound() -> None:
    (text,) = re.findall(r"```toml\n(.+?)```", PAGE.read_text(), re.DOTALL)
    assert load(text, "page").services


def test_the_faults_on_the_page_are_what_is_said() -> None:
    (shown,) = re.findall(r"```\n(carom\.toml:.+?)\n```", PAGE.read_text(), re.DOTALL)
    text = """\
[director]
interface = "eth0"

[[service]]
scheduler = "wr"
name = "web"
vip = "192.168.76.24"
ports = ["tcp/80", 443]
reals = ["192.168.76.31", "192.168.76.32", { address = "192.168.76.33", weight = 70000 }]
"""
    with pytest.raises(ConfigError) as raised:
        load(text, "carom.toml")
    assert str(raised.value) == shown
