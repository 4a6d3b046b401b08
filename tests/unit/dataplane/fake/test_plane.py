"""The fake plane as the engine uses it, and what a plan makes of its services."""

from __future__ import annotations

from ipaddress import ip_address

from carom.core.plan import Plan
from carom.dataplane.fake.plane import FakeDataPlane
from carom.dataplane.fake.walk import Verdict, walk
from carom.model import Scheduler
from tests.dataplane import plans
from tests.dataplane.frames import INSIDE, tcp
from tests.dataplane.plans import REALS, VIP


def test_it_is_a_data_plane() -> None:
    plane = FakeDataPlane(interface="eth0")
    assert (plane.attach().plane, plane.attach().interface) == ("fake", "eth0")
    plane.apply(plans.plan())
    assert {real.service for real in plane.read().reals} == {"web", "dns"}
    plane.close()
    assert plane.detach() == ()


def test_candidates_stand_in_ipvss_order() -> None:
    plane = FakeDataPlane()
    plane.apply(plans.plan(plans.service()))
    addresses = [str(candidate.address) for candidate in plane.candidates(plane.services["web"])]
    assert addresses == list(reversed(REALS))


def test_one_that_is_down_weighs_nothing() -> None:
    plane = FakeDataPlane()
    plane.apply(plans.plan(plans.changed(plans.service(), REALS[0], up=False)))
    weights = {str(c.address): c.weight for c in plane.candidates(plane.services["web"])}
    assert weights == {REALS[0]: 0, REALS[1]: 1, REALS[2]: 1}


def test_services_that_a_plan_no_longer_has_are_gone() -> None:
    plane = FakeDataPlane()
    plane.apply(plans.plan())
    plane.apply(Plan())
    assert plane.services == {}


def test_slots_of_mh_remember_where_flows_were() -> None:
    plane = FakeDataPlane()
    web = plans.service(Scheduler.MH)
    plane.apply(plans.plan(web))
    assert not any(slot.tracked for slot in plane.services["web"].slots)
    plane.apply(plans.plan(plans.without(web, REALS[0])))
    changed = [slot for slot in plane.services["web"].slots if slot.tracked]
    assert changed
    gone = ip_address(REALS[0])
    assert sum(slot.before == gone for slot in changed) > len(changed) * 0.9, "others' slots hardly move"
    assert gone not in {slot.now for slot in plane.services["web"].slots}


def test_what_was_sent_is_read_back() -> None:
    plane = FakeDataPlane()
    plane.apply(plans.plan())
    frame = tcp("10.0.0.1:1", f"{VIP}:80", "S")
    walk(plane, frame)
    last = next(real for real in plane.read().reals if str(real.address) == REALS[-1])
    assert (last.counter.packets, last.counter.bytes, last.new_flows, last.active) == (1, len(frame), 1, 1)


def test_of_two_nics_the_inside_one_sends_to_real_servers() -> None:
    plane = FakeDataPlane(inside_mac=INSIDE)
    plane.apply(plans.plan())
    end = walk(plane, tcp("10.0.0.1:1025", f"{VIP}:80", "S"))
    assert (end.verdict, end.frame[6:12]) == (Verdict.REDIRECT, INSIDE)
