"""Garbage: cycles go, and nobody waits for long. In a process of its own, as the collector is the whole process's."""

from __future__ import annotations

import subprocess
import sys

import pytest

CYCLE = """
import gc, sys, weakref
from carom import garbage

class Thing:
    pass

garbage.begin()
known = sys.getallocatedblocks()
"""


def told(script: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", CYCLE + script], check=True, capture_output=True, text=True, timeout=30
    ).stdout.strip()


def test_a_cycle_is_found_at_the_next_look() -> None:
    assert told("one = Thing(); one.itself = one; gone = weakref.ref(one); del one\n"
                "assert gone() is not None\n"
                "garbage.look(known)\n"
                "print(gone())") == "None"  # fmt: skip


def test_by_itself_nothing_is_looked_through() -> None:
    assert told("many = [[number] for number in range(200_000)]\n"
                "print(gc.isenabled(), gc.get_freeze_count() > 0)") == "False True"  # fmt: skip


@pytest.mark.parametrize(("count", "frozen"), [(1_000, False), (200_000, True)])
def test_much_that_is_new_is_frozen_and_still_freed(*, count: int, frozen: bool) -> None:
    assert told(f"before = gc.get_freeze_count()\n"
                f"many = [[number] for number in range({count})]\n"
                f"known = garbage.look(known)\n"
                f"frozen = gc.get_freeze_count() - before >= {count}\n"
                f"blocks = sys.getallocatedblocks(); del many\n"
                f"print(frozen, blocks - sys.getallocatedblocks() > {count} / 2)") == f"{frozen} True"  # fmt: skip


def test_after_a_freeze_cycles_go_again() -> None:
    assert told("many = [[number] for number in range(200_000)]\n"
                "known = garbage.look(known)\n"
                "one = Thing(); one.itself = one; gone = weakref.ref(one); del one\n"
                "garbage.look(known)\n"
                "print(gone())") == "None"  # fmt: skip
