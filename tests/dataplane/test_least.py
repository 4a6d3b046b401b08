"""Schedulers that look at everybody, connection by connection: the program has two ways to do so, the oracle one.

The scan is what a plan without thresholds gets; the other is for weights too far apart, long lists and thresholds.
"""

from __future__ import annotations

import ctypes as c
import random
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from carom.core.plan import Plan, RealPlan
from carom.dataplane.xdp.layout import ALL_FEATURES, FEATURE_LIMITS, SCAN_MEMBERS, VERSION_CONTENDERS, Version
from carom.dataplane.xdp.records import Records
from carom.model import Scheduler
from tests.dataplane import frames, plans
from tests.dataplane.planes import Oracle, Xdp

LEAST = (Scheduler.LC, Scheduler.WLC, Scheduler.SED, Scheduler.NQ, Scheduler.OVF, Scheduler.FO)
WEIGHTS: dict[str, tuple[int, ...]] = {
    "equal": (1,) * 7,
    "several": (1, 2, 3, 0, 4, 6, 2, 100, 1, 5),
    "heavy": (65535, 1, 4369),
    "too far apart": (65521, 65519, 3, 1),
    "one": (7,),
    "none": (0, 0),
    "as many as the scan takes": (1,) * SCAN_MEMBERS,
    "one more": (1,) * (SCAN_MEMBERS + 1),
}
SCANNED = ("equal", "several", "heavy", "one", "none", "as many as the scan takes")


@pytest.fixture(scope="module", params=[ALL_FEATURES, ALL_FEATURES & ~FEATURE_LIMITS], ids=["limits", "no limits"])
def program(request: pytest.FixtureRequest) -> Iterator[Xdp]:
    program = Xdp(features=request.param)
    yield program
    program.close()


def a_real(number: int, weight: int) -> RealPlan:
    address = ip_address("10.77.0.0") + number
    return RealPlan(address, weight, bytes((2, 0, 0, 7)) + number.to_bytes(2, "big"))


def a_plan(scheduler: Scheduler, weights: tuple[int, ...]) -> Plan:
    return plans.plan(plans.service(scheduler, *(a_real(number, weight) for number, weight in enumerate(weights))))


LONG = ("as many as the scan takes", "one more")
CASES = [(scheduler, name) for scheduler in LEAST for name in WEIGHTS if name not in LONG or scheduler is Scheduler.NQ]


@pytest.mark.parametrize(("scheduler", "name"), CASES)
def test_every_connection_goes_where_the_oracles_goes(program: Xdp, scheduler: Scheduler, name: str) -> None:
    chance, oracle, weights = random.Random(name), Oracle(), list(WEIGHTS[name])
    program.reset()
    for turn in range(1 if name in LONG else 3):
        plan = a_plan(scheduler, tuple(weights))
        oracle.apply(plan)
        program.apply(plan)
        for number in range(max(40, len(weights) + 5)):
            port, flags = 1024 + chance.randrange(3000), chance.choice(("S", "S", "S", "A", "FA", "R"))
            frame = frames.tcp(f"10.0.0.{turn}:{port if flags == 'S' else 1024 + number}", f"{plans.VIP}:80", flags)
            assert program.send(frame) == oracle.send(frame), (turn, number)
        weights[chance.randrange(len(weights))] = chance.choice((0, 1, 2))


@pytest.mark.parametrize("name", WEIGHTS)
def test_which_weights_can_be_scanned(program: Xdp, name: str) -> None:
    program.reset()
    program.apply(a_plan(Scheduler.WLC, WEIGHTS[name]))
    records = Records(program.loaded.maps["versions"], c.sizeof(Version))
    versions = [Version.from_buffer_copy(value) for _, value in records.used()]
    newest = max(versions, key=lambda version: version.serial)
    assert bool(newest.flags & VERSION_CONTENDERS) == (name in SCANNED)
