"""A long story's shortest form, and what is printed of it, runs as it stands."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

from carom import model
from carom.core.plan import Plan, RealPlan, ServicePlan
from tests.fuzz.duet import Disagreement
from tests.fuzz.shrink import code, record, shortest
from tests.fuzz.story import Change, Send, Step, Wait, story

NAMES = {kind.__name__: kind for kind in (Plan, RealPlan, ServicePlan)} | vars(model)


def two_datagrams_after_a_wait(steps: Sequence[Step]) -> Disagreement | None:
    """A pretended defect: it shows at the second datagram after time has gone by."""
    waited, datagrams = False, 0
    for number, step in enumerate(steps):
        waited |= isinstance(step, Wait)
        for kind, frame in step.packets if isinstance(step, Send) else ():
            datagrams += waited and kind == "datagram"
            if datagrams == 2:
                return Disagreement("two", number, frame)
    return None


def test_what_has_no_part_in_it_is_left_out() -> None:
    kept, found = shortest(list(story("shrink", 1024)), two_datagrams_after_a_wait)
    assert [type(step) for step in kept] == [Wait, Send, Send]
    assert found == Disagreement("two", 2, kept[2].packets[0][1])  # type: ignore[union-attr]


def test_a_plan_keeps_no_service_that_has_no_part_in_it() -> None:
    def named_dns(steps: Sequence[Step]) -> Disagreement | None:
        for number, step in enumerate(steps):
            if isinstance(step, Change) and any(service.name == "dns" for service in step.plan.services):
                return Disagreement("dns", number)
        return None

    (kept,), _ = shortest(list(story("shrink", 1024)), named_dns)
    assert isinstance(kept, Change)
    assert [service.name for service in kept.plan.services] == ["dns"]


def test_a_plan_as_code_is_the_plan() -> None:
    plans = [step.plan for step in story("code", 4096) if isinstance(step, Change)]
    for plan in plans:
        assert eval(code(plan), {**NAMES, "ip_address": ip_address}) == plan


def test_a_record_is_calls_and_what_differs() -> None:
    steps: list[Step] = [Wait(5), Change(Plan()), Send((("segment", b"\x01"),))]
    assert record(steps, Disagreement("this", 2)) == (
        'plane.at(5)\nplane.apply(Plan())\nplane.send(bytes.fromhex("01"))  # segment\n\nthis'
    )
