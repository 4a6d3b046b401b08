"""A figure stands only if its packets did what their case says, in every visit."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from bench.cases import BY_NAME
from bench.measure import Cell


def a_cell(tolerance: float) -> Cell:
    return Cell(cast("Any", SimpleNamespace(name="wlc", tolerance=tolerance)), BY_NAME["tcp4_512k"])


def test_too_many_packets_that_did_otherwise_are_a_fault_whatever_comes_after() -> None:
    cell = a_cell(0.001)
    cell.hold({"stray": 0.002})
    cell.hold({})
    assert cell.fault == "not what the case says: 0.2% stray"


def test_of_each_visit_the_largest_share_is_told() -> None:
    cell = a_cell(0.02)
    for astray in ({"stray": 0.002}, {"stray": 0.001, "new flows": 0.004}, {}):
        cell.hold(astray)
    assert (cell.astray, cell.fault) == ({"stray": 0.002, "new flows": 0.004}, "")
