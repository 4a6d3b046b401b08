"""Entering the namespace where a service lives, by its name or by a process in it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from carom.errors import WishError
from carom.realserver import netns
from tests.net.realserver_net import Segment, segment
from tests.net.segment import inside


@pytest.fixture(scope="module")
def net() -> Iterator[Segment]:
    with segment() as built:
        yield built


def in_a_thread(work: Callable[[], int]) -> int:
    """Entering is for good: a thread is lost with it, the tests are not."""
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


def entered(name: str) -> int:
    netns.enter(name)
    return netns.identity()


def test_by_its_name_and_by_a_process_in_it(net: Segment) -> None:
    here = netns.identity()
    with inside(net.real):
        there = netns.identity()
        lives = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with lives:
        assert in_a_thread(lambda: entered(net.real)) == there
        assert in_a_thread(lambda: entered(str(lives.pid))) == there
        lives.communicate(b"\n")
    assert netns.identity() == here != there


def test_the_systems_own_namespace_is_known(net: Segment) -> None:
    assert netns.is_systems()
    with inside(net.real):
        assert not netns.is_systems()


@pytest.mark.parametrize(
    ("name", "words"),
    [("nowhere", "no network namespace nowhere"), ("999999999", "no process 999999999"), ("a/b", "namespace a/b")],
)
def test_what_is_not_there(name: str, words: str) -> None:
    with pytest.raises(WishError, match=words):
        netns.path_of(name)
