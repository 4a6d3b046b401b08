"""One machine for the whole tier: booting takes longer than most tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.dataplane.planes import Xdp
from tests.vm import uml
from tests.vm.program import Program


@pytest.fixture(scope="session")
def machine() -> Iterator[uml.Machine]:
    """A kernel with IPVS."""
    if reason := uml.missing():
        pytest.skip(reason)
    with uml.Machine() as machine:
        yield machine


@pytest.fixture(scope="module")
def loaded_program() -> Iterator[Xdp]:
    xdp = Xdp(flow_buckets=1 << 15)
    yield xdp
    xdp.close()


@pytest.fixture
def program(loaded_program: Xdp) -> Program:
    return Program(loaded_program)
