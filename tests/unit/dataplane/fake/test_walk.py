"""The oracle's walk. What it says of single packets is the packet suite's matter (`tests/dataplane`); here: its own."""

from __future__ import annotations

from carom.dataplane.fake.plane import FakeDataPlane
from carom.dataplane.fake.walk import Verdict, walk
from tests.dataplane import plans
from tests.dataplane.frames import tcp
from tests.dataplane.plans import VIP


def test_every_walk_is_counted_under_its_reason() -> None:
    plane = FakeDataPlane()
    plane.apply(plans.plan())
    ends = [walk(plane, frame) for frame in (b"", tcp("10.0.0.1:1", f"{VIP}:80", "S"), tcp("10.0.0.1:1", f"{VIP}:9"))]
    assert [(end.verdict, end.reason) for end in ends] == [
        (Verdict.PASS, "not_ip"),
        (Verdict.TX, "forwarded"),
        (Verdict.PASS, "no_service"),
    ]
    assert plane.reasons == {"not_ip": 1, "forwarded": 1, "no_service": 1}


def test_a_flow_outlives_the_service_that_began_it() -> None:
    plane = FakeDataPlane()
    plane.apply(plans.plan(plans.service(name="old")))
    first = walk(plane, tcp("10.0.0.1:1", f"{VIP}:80", "S"))
    plane.apply(plans.plan(plans.service(name="new")))
    assert walk(plane, tcp("10.0.0.1:1", f"{VIP}:80", "A")).frame[:6] == first.frame[:6]
