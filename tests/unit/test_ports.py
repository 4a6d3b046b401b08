"""The seams: what stands behind them has every method, with the same parameters."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from carom import ports
from carom.dataplane.fake.plane import FakeDataPlane
from carom.dataplane.xdp.plane import XdpDataPlane


@pytest.mark.parametrize("plane", [FakeDataPlane, XdpDataPlane])
@pytest.mark.parametrize("method", ["attach", "apply", "read", "flows", "count_flows", "explain", "close", "detach"])
def test_a_plane_has_each_method_of_the_seam(plane: type, method: str) -> None:
    wanted = inspect.signature(getattr(ports.DataPlane, method)).parameters
    assert list(inspect.signature(getattr(plane, method)).parameters) == list(wanted)


def test_mypy_holds_the_planes_to_the_seam_too() -> None:
    planes: list[ports.DataPlane] = [FakeDataPlane(), XdpDataPlane("eth0", Path("/nowhere"))]
    assert len(planes) == 2
