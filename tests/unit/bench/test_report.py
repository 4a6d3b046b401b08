"""The figures as one document, and as tables."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from bench import report
from bench.cases import BY_NAME
from bench.measure import Cell
from bench.samples import Figure, Sample

COSTS = {"drop": 30.04, "swap": 32, "hash_lru": 130, "lru_insert": 830, "mh": 90, "wlc": 160}


def cells(case: str = "tcp4_hot", **faults: str) -> list[Cell]:
    """Every subject under one case, three chunks each."""
    return [
        Cell(cast("Any", SimpleNamespace(name=name)), BY_NAME[case], [Sample(30, cost)] * 3, faults.get(name, ""))
        for name, cost in COSTS.items()
    ]


def documented(case: str = "tcp4_hot", **faults: str) -> dict[str, Any]:
    return report.document(report.figures(cells(case, **faults), 36), "6.18", "abc")


def test_the_document_is_the_contract() -> None:
    assert documented() == {
        "kernel": "6.18",
        "commit": "abc",
        "floors": {"tcp4_hot": {"drop": 30.0, "swap": 32, "hash_lru": 130, "lru_insert": 830}},
        "carom": {"mh": {"tcp4_hot": 90}, "wlc": {"tcp4_hot": 160}},
    }


def test_a_cell_with_a_fault_is_no_number() -> None:
    assert documented(wlc="half of it was stray")["carom"] == {"mh": {"tcp4_hot": 90}}


def test_ratios_are_of_own_costs() -> None:
    assert report.ratios(documented()) == {"mh": {"tcp4_hot": 0.6}, "wlc": {"tcp4_hot": 1.3}}
    assert report.ratios(documented("tcp4_syn"))["wlc"] == {"tcp4_syn": 0.163}


def lines(figures: report.Figures) -> list[str]:
    return [" ".join(line.split()) for line in report.text(report.document(figures, "6.18", "abc"), figures)]


def test_the_tables_show_own_costs_ratios_and_what_became_of_each_target() -> None:
    shown = lines(report.figures(cells(), 36))
    assert "tcp4_hot 30.0 2 100 800 60 130" in shown
    assert "tcp4_hot 0.60 1.30" in shown
    assert "tcp4_hot / hash_lru 1 1.2 0.60 ! 1.30" in shown
    assert "1 of 2 met, ! the others" in shown


def test_a_figure_from_a_machine_that_was_never_quiet_is_marked() -> None:
    figures = report.figures(cells(), 36)
    figures["mh", "tcp4_hot"] = Figure(90, 85, 95, 3, quiet=False)
    shown = lines(figures)
    assert "tcp4_hot 30.0 2 100 800 ~60 130" in shown
    assert "~ the machine was never quiet long enough: tcp4_hot" in shown
