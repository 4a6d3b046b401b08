"""Garbage: cycles go, and nobody waits for long. In a process of its own, as the collector is the whole process's."""

from __future__ import annotations

import subprocess
import sys

BEGIN = """
import gc, sys, weakref
from carom.garbage import Garbage

class Thing:
    pass

def cycle():
    one = Thing()
    one.itself = one
    return weakref.ref(one)

garbage = Garbage()
look = lambda: garbage.look(sys.getallocatedblocks())
"""


def told(script: str) -> str:
    command = [sys.executable, "-c", BEGIN + script]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.strip()


def test_a_cycle_is_found_at_the_next_look_and_not_before() -> None:
    script = """
gone = cycle()
there = gone() is not None
look()
print(there, gone(), gc.isenabled())
"""
    assert told(script) == "True None False"


def test_much_that_is_new_is_frozen_once_it_is_quiet_and_is_still_freed() -> None:
    script = """
before = gc.get_freeze_count()
many = [[number] for number in range(200_000)]
look()
restless = gc.get_freeze_count() - before
look()
frozen = gc.get_freeze_count() - before
blocks = sys.getallocatedblocks()
del many
print(restless, frozen >= 200_000, blocks - sys.getallocatedblocks() > 200_000)
"""
    assert told(script) == "0 True True"


def test_what_replaces_as_much_is_frozen_too() -> None:
    script = """
many = [[number] for number in range(200_000)]
look(), look()
before = gc.get_freeze_count()
del many
look()
many = [[number] for number in range(200_000)]
look(), look()
print(gc.get_freeze_count() - before > -50_000)
"""
    assert told(script) == "True"


def test_after_a_freeze_cycles_go_again() -> None:
    script = """
many = [[number] for number in range(200_000)]
look(), look()
gone = cycle()
look()
print(gone())
"""
    assert told(script) == "None"
