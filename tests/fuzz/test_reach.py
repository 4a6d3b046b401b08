"""The lines of the oracle that stories do not reach are few and known by sight."""

from __future__ import annotations

from tests.fuzz.reach import unreached


def test_few_stories_reach_most_of_the_walk() -> None:
    left = [line for line in unreached("1", stories=40) if line.startswith("walk.py")]
    assert len(left) < 20, "\n".join(left)
    assert any("no_mac" in line for line in left), "who was ever chosen has a MAC"
