"""A director with two NICs: the whole packet suite again, with what goes to real servers leaving by the inside NIC."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from carom.dataplane.fake.walk import Verdict
from carom.model import Scheduler
from tests.dataplane import plans
from tests.dataplane.frames import INSIDE, ROUTER, remac, sent_by, tcp
from tests.dataplane.planes import Oracle, PlaneUnderTest, Xdp
from tests.dataplane.test_packets import RECORDS, Record

INSIDE_MTU = 1600
SUITE = [record for record in RECORDS if len(record.frame) <= INSIDE_MTU]
"""What fits through the inside NIC: all but jumbo frames."""


@pytest.fixture(scope="module")
def loaded_with_two() -> Iterator[Xdp]:
    xdp = Xdp(inside=INSIDE, inside_mtu=INSIDE_MTU)
    yield xdp
    xdp.close()


@pytest.fixture(params=["oracle", "xdp"])
def two_nics(request: pytest.FixtureRequest) -> PlaneUnderTest:
    if request.param == "oracle":
        oracle = Oracle(INSIDE, INSIDE_MTU)
        oracle.at(1000)
        return oracle
    if os.geteuid():
        pytest.skip("the XDP plane needs root: sudo ./dev test")
    xdp: Xdp = request.getfixturevalue("loaded_with_two")
    xdp.reset()
    xdp.at(1000)
    return xdp


@pytest.mark.parametrize("record", SUITE, ids=lambda record: record.words)
def test_a_packet(two_nics: PlaneUnderTest, record: Record) -> None:
    two_nics.apply(record.plan or plans.plan())
    for frame in record.before:
        two_nics.send(frame)

    end = two_nics.send(record.frame)

    if record.to:
        wanted = Verdict.REDIRECT, record.reason, remac(record.frame, record.to, INSIDE)
    elif record.out and record.reason == "forwarded":
        wanted = Verdict.REDIRECT, record.reason, sent_by(INSIDE, record.out)
    else:
        wanted = record.verdict, record.reason, record.out or record.frame
    assert (end.verdict, end.reason, end.frame) == wanted


def test_a_frame_for_the_inside_nics_own_mac_is_not_ours(two_nics: PlaneUnderTest) -> None:
    """On the outside segment nobody has it."""
    two_nics.apply(plans.plan())
    frame = tcp("10.0.0.1:1025", f"{plans.VIP}:80", "S", mac=INSIDE)
    end = two_nics.send(frame)
    assert (end.verdict, end.reason, end.frame) == (Verdict.PASS, "not_ours", frame)
    assert frame[6:12] == ROUTER


@pytest.mark.parametrize(("own", "told"), [(0, INSIDE_MTU), (1500, 1500), (9000, INSIDE_MTU)])
def test_the_inside_nics_mtu_holds_for_every_real_server(two_nics: PlaneUnderTest, own: int, told: int) -> None:
    real = replace(plans.real(plans.REALS[0]), mtu=own)
    two_nics.apply(plans.plan(plans.service(Scheduler.WLC, real)))
    ends = "10.0.0.1:1025", f"{plans.VIP}:80"
    assert two_nics.send(tcp(*ends, "S", bytes(told - 40))).reason == "forwarded"
    end = two_nics.send(tcp(*ends, "A", bytes(told - 39)))
    assert (end.verdict, end.reason) == (Verdict.TX, "too_big_told")
    assert int.from_bytes(end.frame[40:42]) == told
