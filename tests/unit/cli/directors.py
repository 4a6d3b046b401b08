"""Runs `carom` against a director without a kernel, as a person would."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from carom.cli.main import carom
from tests.unit.directors import LESS, Director


def run(it: Director, *arguments: str) -> Result:
    return CliRunner().invoke(carom, [*arguments, "--socket", str(it.socket)])


def said(it: Director, *arguments: str) -> list[str]:
    """What it prints when all goes well."""
    result = run(it, *arguments)
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


def less(folder: Path) -> str:
    """A file with a configuration of one real server less."""
    file = folder / "less.toml"
    file.write_text(LESS)
    return str(file)
