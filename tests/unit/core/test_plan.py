"""The plan: who may be scheduled, and which VIPs it has."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from carom.core.plan import Plan, RealPlan, ServicePlan
from carom.model import Ports, Protocol, Scheduler

ONE, TWO = ip_address("192.0.2.1"), ip_address("192.0.2.2")


def service(vip: object) -> ServicePlan:
    return ServicePlan("web", vip, (Ports(Protocol.TCP, 80, 80),), Scheduler.WLC, ())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mac", "up", "schedulable"), [(bytes(6), True, True), (None, True, False), (bytes(6), False, False)]
)
def test_who_is_down_or_cannot_be_sent_to_is_in_no_list(mac: bytes | None, up: bool, schedulable: bool) -> None:
    assert RealPlan(ONE, 1, mac, up=up).schedulable is schedulable


def test_who_is_quiesced_stays_in_the_list() -> None:
    assert RealPlan(ONE, 0, bytes(6)).schedulable


def test_vips_stand_once_each_in_their_order() -> None:
    assert Plan((service(TWO), service(ONE), service(TWO))).vips == (TWO, ONE)


def test_equal_plans_mean_that_nothing_needs_doing() -> None:
    assert Plan((service(ONE),)) == Plan((service(ONE),))
