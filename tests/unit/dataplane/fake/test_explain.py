"""The oracle explains without leaving a trace."""

from __future__ import annotations

from copy import deepcopy

from carom.core.explain import Step, question
from carom.dataplane.fake.explain import explain
from carom.dataplane.fake.plane import FakeDataPlane
from carom.model import Scheduler
from tests.dataplane import plans
from tests.dataplane.plans import VIP


def test_nothing_of_it_is_kept() -> None:
    plane = FakeDataPlane()
    plane.apply(plans.plan(plans.service(Scheduler.LBLCR)))
    before = deepcopy(plane.services["web"].rule).__dict__.keys(), dict(plane.flow_table.by_ends), plane.reasons
    seen = [explain(plane, question("203.0.113.7:1", f"{VIP}:80")) for _ in range(3)]
    assert (seen[0].step, seen[0].real, seen[1:]) == (Step.SCHEDULED, seen[1].real, seen[:2])
    assert (plane.services["web"].rule.__dict__.keys(), plane.flow_table.by_ends, plane.reasons) == before
    assert not vars(plane.services["web"].rule)["_homes"]


def test_the_plane_says_the_same() -> None:
    plane = FakeDataPlane()
    assert plane.explain(question("203.0.113.7:1", f"{VIP}:80")).step is Step.NO_VIP
