"""Labs for the tests that need a network: the chapter's, drawn in `carom.lab.network`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from carom.lab import director, standing
from carom.lab.network import VIP, VIP6
from carom.lab.setup import OWN_ENDPOINTS, serve, set_to_work
from carom.lab.standing import Lab

Carom = Callable[..., subprocess.CompletedProcess[str]]


def temporary() -> AbstractContextManager[Lab]:
    return standing.temporary(standing.fresh_name("test"), (VIP, VIP6), director.configuration((3, 2, 1)))


@pytest.fixture(scope="module")
def wired() -> Iterator[Lab]:
    """A lab with nothing running in it."""
    with temporary() as lab:
        yield lab


@pytest.fixture(scope="module")
def serving() -> Iterator[Lab]:
    """A lab with its web servers, and no daemon on the director."""
    with temporary() as lab:
        serve(lab, OWN_ENDPOINTS)
        yield lab


@pytest.fixture(scope="module")
def working() -> Iterator[Lab]:
    """A lab at work, daemon and all."""
    with temporary() as lab:
        set_to_work(lab, OWN_ENDPOINTS)
        yield lab


@pytest.fixture(scope="session")
def carom() -> Carom:
    """Runs `carom` with these arguments, to its end."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "carom", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    return run
