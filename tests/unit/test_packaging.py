"""What is packaged: the manual pages say what the programs say, and the unit what the documents say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

from carom.cli.main import COMMANDS
from carom.config.tables import TABLES
from carom.daemon import parser

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("man")
    environment = os.environ | {"SOURCE_DATE_EPOCH": "0"}
    subprocess.run([sys.executable, ROOT / "packaging/man.py", folder], check=True, env=environment)
    return folder


def shown(page: Path) -> str:
    """A page's words, without roff's."""
    return page.read_text().replace("\\-", "-").replace("\\&", "").replace("\\e", "\\")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_page_and_is_on_the_first(pages: Path, command: str) -> None:
    assert COMMANDS[command].help.rstrip(".") in shown(pages / f"carom-{command}.1")
    assert f"carom-{command}(1)" in shown(pages / "carom.1")


def test_the_daemons_page_has_every_option_signal_and_exit_code(pages: Path) -> None:
    page = shown(pages / "caromd.8")
    options = [option for action in parser()._actions for option in action.option_strings]
    assert [option for option in options if option not in page] == []
    assert re.findall(r"^\.SH (.+)$", page, re.MULTILINE)[-4:] == ["SIGNALS", "EXIT CODES", "FILES", "SEE ALSO"]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.title)
def test_the_configurations_page_has_every_key(pages: Path, table: object) -> None:
    page = shown(pages / "carom.toml.5")
    assert [field.name for field in table.every_field if f"\\fB{field.name}" not in page] == []  # type: ignore[attr-defined]


def test_a_page_is_the_same_whenever_it_is_made_from_the_same(pages: Path) -> None:
    assert '"1970-01-01"' in (pages / "carom.1").read_text()


def test_mandoc_finds_no_fault_with_any_page(pages: Path) -> None:
    if shutil.which("mandoc") is None:
        pytest.skip("mandoc is not installed")
    done = subprocess.run(["mandoc", "-Tlint", "-Wwarning", *pages.iterdir()], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_unit_asks_for_the_capabilities_that_the_guide_names() -> None:
    unit = ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(ROOT / "packaging/systemd/caromd.service")
    service = unit["Service"]
    assert service["AmbientCapabilities"] == service["CapabilityBoundingSet"]
    guide = (ROOT / "docs/operating.md").read_text()
    assert [name for name in service["AmbientCapabilities"].split() if f"`{name}`" not in guide] == []
