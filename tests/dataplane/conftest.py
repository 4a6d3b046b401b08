"""Every packet test runs once on each data plane that this machine can have."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.dataplane.planes import Oracle, PlaneUnderTest, Xdp


@pytest.fixture(scope="session")
def loaded_xdp() -> Iterator[Xdp]:
    """The program, loaded once."""
    xdp = Xdp()
    yield xdp
    xdp.close()


@pytest.fixture
def xdp(request: pytest.FixtureRequest) -> Xdp:
    if os.geteuid() != 0:
        pytest.skip("the XDP plane needs root: sudo ./dev test")
    xdp: Xdp = request.getfixturevalue("loaded_xdp")
    xdp.reset()
    xdp.at(1000)
    return xdp


@pytest.fixture
def oracle() -> Oracle:
    oracle = Oracle()
    oracle.at(1000)
    return oracle


@pytest.fixture(params=["oracle", "xdp"])
def plane(request: pytest.FixtureRequest) -> PlaneUnderTest:
    under_test: PlaneUnderTest = request.getfixturevalue(request.param)
    return under_test
