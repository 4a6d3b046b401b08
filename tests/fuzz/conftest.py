"""The program, loaded once for the whole tier."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.dataplane.planes import Xdp
from tests.fuzz.duet import FLOW_BUCKETS, Programs


@pytest.fixture(scope="session")
def programs() -> Iterator[Programs]:
    xdp = Xdp(FLOW_BUCKETS)
    yield Programs(xdp)
    xdp.close()
