"""The frame of the shell scripts."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from carom.realserver.foreign.shell import Recipe, heredoc, render
from tests.unit.realserver.words import VIP

RECIPE = Recipe(
    system="this system",
    uname="$(uname -s)",
    theory="It works.",
    sources=("a book",),
    check=("true",),
    apply=('echo "applied  # [1]"',),
    undo=('echo "undone"',),
    show=('echo "shown"',),
)


def run(recipe: Recipe, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        ["sh", "-s", *words], input=render(recipe, (VIP,)), capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(("words", "said"), [((), "applied  # [1]\n"), (("undo",), "undone\n"), (("show",), "shown\n")])
def test_three_verbs(words: tuple[str, ...], said: str) -> None:
    assert run(RECIPE, *words) == (0, said)


def test_another_verb_another_system_and_a_failing_check_do_nothing() -> None:
    assert run(RECIPE, "now") == (1, "carom: say apply, undo or show\n")
    other = replace(RECIPE, uname="Other")
    assert run(other) == (1, "carom: this script is for this system\n")
    stopped = replace(RECIPE, check=('stop "not here"',))
    assert run(stopped) == (1, "carom: not here\n")


def test_files_are_written_as_they_are(tmp_path: Path) -> None:
    lines = ["$HOME `date` \\n", "  two"]
    writing = replace(RECIPE, apply=heredoc(f"{tmp_path}/file", lines))
    assert run(writing)[0] == 0
    assert (tmp_path / "file").read_text().splitlines() == lines
