"""Differences for people: a sign, and words."""

from __future__ import annotations

from click import unstyle

from carom.cli.differences import lines


def test_each_is_a_line_with_its_sign() -> None:
    found = [{"kind": kind, "words": kind} for kind in ("added", "removed", "changed")]
    assert [unstyle(line) for line in lines(found)] == ["+ added", "- removed", "~ changed"]


def test_nothing_is_said_too() -> None:
    assert list(lines([])) == ["nothing changes"]
