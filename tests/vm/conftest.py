"""One machine for the whole tier: booting takes longer than most tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.vm import uml


@pytest.fixture(scope="session")
def machine() -> Iterator[uml.Machine]:
    """A kernel with IPVS."""
    if reason := uml.missing():
        pytest.skip(reason)
    with uml.Machine() as machine:
        yield machine
