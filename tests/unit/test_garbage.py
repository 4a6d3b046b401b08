"""Garbage: cycles go, and nobody waits for long. In a process of its own, as the collector is the whole process's."""

from __future__ import annotations

import subprocess
import sys

BEGIN = """
import gc, sys, weakref
from ipaddress import ip_address
from carom.garbage import LARGE, Garbage
from carom.model import Config, Director, Real, Service

def config(reals):
    service = Service("web", ip_address("10.0.0.1"), (), (Real(ip_address("10.0.0.2")),) * reals)
    return Config(Director("eth0"), (service,))

class Thing:
    pass

def cycle():
    one = Thing()
    one.itself = one
    return weakref.ref(one)

garbage = Garbage()
small, large, other = config(1), config(LARGE), config(LARGE)
"""


def told(script: str) -> str:
    command = [sys.executable, "-c", BEGIN + script]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.strip()


def test_python_does_it_where_the_configuration_is_small_and_again_once_it_is() -> None:
    script = """
found = []
for one in (small, large, small):
    garbage.look(one)
    found.append(gc.isenabled())
print(*found)
"""
    assert told(script) == "True False True"


def test_a_cycle_is_found_at_the_next_quiet_look_and_not_before() -> None:
    script = """
garbage.look(large), garbage.look(large)
gone = cycle()
there = gone() is not None
garbage.look(large)
print(there, gone())
"""
    assert told(script) == "True None"


def test_what_another_configuration_has_brought_is_frozen_once_it_is_quiet_and_is_still_freed() -> None:
    script = """
garbage.look(large), garbage.look(large)
before = gc.get_freeze_count()
many = [[number] for number in range(200_000)]
garbage.look(other)
working = gc.get_freeze_count() - before
garbage.look(other)
frozen = gc.get_freeze_count() - before
blocks = sys.getallocatedblocks()
del many
print(working, frozen >= 200_000, blocks - sys.getallocatedblocks() > 200_000)
"""
    assert told(script) == "0 True True"


def test_what_a_flood_leaves_is_not_frozen_but_collected() -> None:
    script = """
garbage.look(large), garbage.look(large)
blocks = sys.getallocatedblocks()
for _ in range(8):
    for _ in range(20_000):
        cycle()
    garbage.look(large)
garbage.look(large)
print(sys.getallocatedblocks() - blocks < 1_000)
"""
    assert told(script) == "True"


def test_nothing_is_collected_while_somebody_is_at_work_on_a_configuration_however_long_that_takes() -> None:
    script = """
garbage.look(large), garbage.look(large)
gone = cycle()
with garbage.held():
    for _ in range(8):
        garbage.look(large)
    there = gone() is not None
garbage.look(large)
print(there, gone())
"""
    assert told(script) == "True None"


def test_work_on_a_configuration_that_is_large_does_not_meet_pythons_own_collections() -> None:
    script = """
garbage.look(small)
before = gc.get_stats()
with garbage.held():
    many = [[number] for number in range(200_000)]
print(gc.isenabled(), gc.get_stats() == before)
del many
garbage.look(small), garbage.look(small)
print(gc.isenabled())
"""
    assert told(script).split() == ["False", "True", "True"]
