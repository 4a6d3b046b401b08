"""How a scheduler is made."""

from __future__ import annotations

import pytest

from carom.dataplane.fake.schedulers import make
from carom.model import Scheduler
from tests.unit.dataplane.fake.schedulers.cast import REQUEST, A, B, C, weighing


@pytest.mark.parametrize("scheduler", Scheduler)
def test_every_scheduler_is_one_file_and_picks(scheduler: Scheduler) -> None:
    rule, servers = make(scheduler), weighing(1, 2, 3)
    rule.changed(servers)
    assert rule.pick(REQUEST, servers) in {A, B, C}


def test_two_services_have_a_rule_each() -> None:
    one, other = make(Scheduler.RR), make(Scheduler.RR)
    servers = weighing(1, 1)
    one.changed(servers)
    other.changed(servers)
    assert one.pick(REQUEST, servers) == other.pick(REQUEST, servers) == A
