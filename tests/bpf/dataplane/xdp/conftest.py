"""The object, loaded once for all of these tests, and a wish to begin with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from carom.dataplane.xdp import program
from carom.dataplane.xdp.program import Loaded
from carom.dataplane.xdp.tables import Tables
from tests.dataplane.frames import DIRECTOR


@pytest.fixture
def loaded() -> Iterator[Loaded]:
    loaded = program.load(DIRECTOR, flow_buckets=256)
    yield loaded
    loaded.close()


@pytest.fixture
def tables(loaded: Loaded) -> Tables:
    """Those of the object, where no time passes."""
    return Tables(loaded.maps, lambda: 0.0)
