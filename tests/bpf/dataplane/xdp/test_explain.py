"""Explaining is done in the kernel, and leaves the maps as they were."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from carom.core.explain import Step, question
from carom.dataplane.xdp import program
from carom.dataplane.xdp.explain import explain
from carom.dataplane.xdp.layout import FEATURE_PERSISTENCE, key
from carom.dataplane.xdp.libbpf import Program
from carom.dataplane.xdp.program import Loaded
from carom.dataplane.xdp.tables import Tables
from carom.errors import DataPlaneError
from carom.model import Scheduler
from tests.dataplane import plans
from tests.dataplane.frames import DIRECTOR, tcp
from tests.dataplane.plans import VIP

ASKED = question("203.0.113.7:1", f"{VIP}:80/tcp")
REHEARSAL = key(0)
"""The cursor that is no service's."""


@pytest.fixture
def explainer(loaded: Loaded) -> Iterator[Program]:
    explainer = program.load_explainer(loaded)
    yield explainer
    explainer.close()


def contents(loaded: Loaded) -> dict[str, list[tuple[bytes, bytes]]]:
    """Of every map that packets write to; but for the cursor with which schedulers are asked."""
    written = ("cursors", "homes", "loads", "flows4", "templates", "limits", "real_counters", "reasons")
    return {
        name: [
            (place, value)
            for place, value in loaded.maps[name].items()
            if any(value) and (name, place) != ("cursors", REHEARSAL)
        ]
        for name in written
    }


def test_no_map_changes(loaded: Loaded, explainer: Program) -> None:
    tables = Tables(loaded.maps, lambda: 0.0)
    for number, scheduler in enumerate((Scheduler.RR, Scheduler.WRR, Scheduler.LBLC, Scheduler.LBLCR, Scheduler.WLC)):
        tables.apply(plans.plan(replace(plans.service(scheduler), persistence=300)))
        known = f"203.0.113.{number}:1"
        loaded.director.run(tcp(known, f"{VIP}:80", "S"))
        before = contents(loaded)
        assert [explain(loaded, explainer, tables, ASKED).step for _ in range(3)] == [Step.SCHEDULED] * 3
        assert explain(loaded, explainer, tables, question(known, f"{VIP}:80")).step is Step.FLOW
        assert contents(loaded) == before


@pytest.mark.parametrize("family", [4, 6])
def test_a_table_without_room_is_foreseen(family: int) -> None:
    vip, client = (VIP, "203.0.113.9") if family == 4 else (f"[{plans.VIP6}]", "[2001:db8:9::9]")
    loaded = program.load(DIRECTOR, flow_buckets=64)
    explainer, tables = program.load_explainer(loaded), Tables(loaded.maps, lambda: 0.0)
    try:
        tables.apply(plans.plan(plans.service(Scheduler.RR, vip=vip.strip("[]"))))
        for number in range(500):  # every one beyond its handshake, so none makes room
            for flags in ("S", "A"):
                loaded.director.run(tcp(f"{client}:{1 + number}", f"{vip}:80", flags))
        steps = set()
        for port in range(5000, 5020):
            seen = explain(loaded, explainer, tables, question(f"{client}:{port}", f"{vip}:80"))
            _, frame, _ = loaded.director.run(tcp(f"{client}:{port}", f"{vip}:80", "S"))
            assert frame[:6] == seen.mac
            steps.add(seen.step)
        assert Step.FULL in steps
    finally:
        explainer.close()
        loaded.close()


def test_what_is_installed_must_be_what_runs(tmp_path: Path) -> None:
    """An upgraded object may have another layout."""
    installed = tmp_path / "director.bpf.o"
    shutil.copy(program.OBJECT, installed)
    loaded = program.load(DIRECTOR, flow_buckets=256, path=installed)
    try:
        os.utime(installed, ns=(1, 1))
        with pytest.raises(DataPlaneError, match="upgraded while this daemon runs: restart it"):
            program.load_explainer(loaded)
    finally:
        loaded.close()


@pytest.mark.parametrize("features", [0, FEATURE_PERSISTENCE])
def test_it_loads_beside_a_program_that_can_do_less(features: int) -> None:
    """With thresholds left out the schedulers take more of the stack."""
    loaded = program.load(DIRECTOR, flow_buckets=256, features=features)
    try:
        program.load_explainer(loaded).close()
    finally:
        loaded.close()
