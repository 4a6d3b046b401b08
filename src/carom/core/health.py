"""Health: from what checks find to the weights that the data plane gets.

Two steps, both pure. `heard` takes one real server's record from one outcome to the next: up after `rise` successes in
a row, down after `fall` failures. `judge` looks at all of a service's records at one moment and says what each real
server's weight is now, whether the sorry server stands in, and when to look again.

Four rules are worth knowing:

- A real server that was never checked is *unproven*: it gets nothing until its first success, which counts for `rise`.
- An outcome that speaks of the director and not of the real server (`FAULT`) changes nothing.
- Flapping is damped. Each fall doubles the successes that the next rise takes, once there was another within the last
  minutes; quiet halves it again.
- Weights are whole numbers, so a weight of 1 has no half. While any real server of a service is at a fraction of its
  weight, all of the service's weights are multiplied by the same number: proportions are what schedulers use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import floor, inf

from carom.model import Check, Scheduler, Service
from carom.outcome import Diagnosis, Outcome, Reason

CALM = 120.0
"""Seconds in which the memory of falls is halved."""
DAMPING_LIMIT = 5
"""Doublings at most: 32 times `rise`."""
SCALE = 100
"""What weights are multiplied by while one of them is at a fraction."""
ABSOLUTE = frozenset({Scheduler.SH, Scheduler.LBLC, Scheduler.LBLCR, Scheduler.OVF})
"""For these a weight is a number of its own, of buckets in a row or of connections, so it is never multiplied."""
HEAVIEST = 65535
"""The largest weight that a data plane takes."""
STEPS = 20
"""Steps in which a slow start climbs."""
NOTABLE = 0.1
"""A service's wish for another weight is followed if it differs by more than this part of the present one."""


@dataclass(frozen=True, slots=True)
class Health:
    """One real server of one service, as its checks have found it."""

    up: bool = False
    proven: bool = False
    """Whether any check has told yet."""
    since: float = 0.0
    """When `up` became what it is."""
    streak: int = 0
    """Outcomes in a row that contradict `up`."""
    climbs: bool = False
    """Whether its weight starts slowly when it comes up, or has when it did."""
    falls: float = 0.0
    """Falls, each half forgotten after CALM seconds, as of `fell`."""
    fell: float = 0.0
    """When it fell last."""
    share: float = 1.0
    """The factor of its weight that the service itself asks for."""
    outcome: Outcome | None = None
    """The last one."""
    diagnosis: Diagnosis | None = None
    """What the last failure means; None while it is well."""

    @property
    def effect(self) -> tuple[bool, float, bool, float]:
        """All of it that a weight depends on: while this stays the same, no plan changes."""
        return self.up, self.since, self.climbs, self.share


def unproven(now: float, *, joins: bool) -> Health:
    """A real server that is new. One that `joins` a service at work starts slowly; those of a first start do not."""
    return Health(since=now, climbs=joins)


def inherited(now: float, *, up: bool) -> Health:
    """A real server that was up or down already when this daemon took over."""
    return Health(up=up, proven=True, since=now, climbs=not up)


def heard(health: Health, check: Check, outcome: Outcome, diagnosis: Diagnosis | None, now: float) -> Health:
    """The record after one more outcome."""
    if outcome.reason is Reason.FAULT:
        return replace(health, outcome=outcome, diagnosis=diagnosis)
    share = _share(health.share, outcome.weight) if outcome.ok else health.share
    streak = 0 if outcome.ok == health.up else health.streak + 1
    health = replace(health, outcome=outcome, diagnosis=diagnosis, share=share, streak=streak)
    if not health.proven:
        return replace(health, up=outcome.ok, proven=True, since=now, streak=0)
    if streak < (check.fall if health.up else needed(health, check, now)):
        return health
    return _fallen(health, now) if health.up else replace(health, up=True, since=now, streak=0)


def needed(health: Health, check: Check, now: float) -> int:
    """Successes in a row until a real server that is down is up: `rise`, or more if it flaps."""
    doublings = min(max(0, floor(_remembered(health, now) + 0.5) - 1), DAMPING_LIMIT)
    return check.rise << doublings


def _remembered(health: Health, now: float) -> float:
    """Its falls, as far as they are not forgotten."""
    return float(health.falls * 0.5 ** (max(0.0, now - health.fell) / CALM))


def _fallen(health: Health, now: float) -> Health:
    return replace(health, up=False, since=now, streak=0, climbs=True, falls=_remembered(health, now) + 1, fell=now)


def _share(present: float, wished: float | None) -> float:
    """The factor to use: the wish, unless it is too like the present one to be worth a change."""
    if wished is None:
        return 1.0
    return present if abs(wished - present) <= NOTABLE * present and wished not in (0.0, 1.0) else wished


class Standing(StrEnum):
    """How a service stands."""

    SERVING = "serving"
    """At least `minimum` real servers are up; where there is no sorry server, one is enough."""
    SORRY = "sorry"
    """Fewer are, and the sorry server stands in for all."""
    FAIL_OPEN = "fail_open"
    """None is, by its checks, and all are used as if all were well (`fail_open`)."""
    DOWN = "down"
    """None is."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What follows from a service's health at one moment. Real servers stand in the service's order."""

    standing: Standing
    up: tuple[bool, ...]
    """Whether each is in the schedulers' lists."""
    weights: tuple[int, ...]
    """The weight of each, up or not."""
    scale: int
    """What all weights are multiplied by, so that a fraction of 1 is a whole number."""
    again: float
    """When the weights change by themselves: a time, or infinity if they will not."""


def judge(service: Service, records: Sequence[Health | None], now: float) -> Judgement:
    """Every real server's state and weight now. The records stand in the service's order; without one it is up."""
    checked = records if service.check else [None] * len(service.reals)
    up = tuple(health is None or health.up for health in checked)
    standing = _standing(service, up)
    if standing is Standing.FAIL_OPEN:
        up = (True,) * len(up)
    parts = [_part(service, health, now) if there else 1.0 for health, there in zip(checked, up, strict=True)]
    climbing = (health for health, there in zip(checked, up, strict=True) if there and health and health.climbs)
    again = min((_next_step(service, health, now) for health in climbing), default=inf)
    return Judgement(standing, up, *_weights(service, parts), again)


def _standing(service: Service, up: Sequence[bool]) -> Standing:
    """Real servers whose weight is 0 get nothing new, so they are not among those that serve."""
    serving = sum(there for there, real in zip(up, service.reals, strict=True) if real.weight > 0)
    if serving >= (service.minimum if service.sorry else 1):
        return Standing.SERVING
    if service.sorry:
        return Standing.SORRY
    if service.fail_open and service.reals and not any(up):
        return Standing.FAIL_OPEN
    return Standing.DOWN


def _part(service: Service, health: Health | None, now: float) -> float:
    """The factor of its configured weight that a real server has now."""
    if health is None:
        return 1.0
    return _climbed(service, health, now) * health.share


def _climbed(service: Service, health: Health, now: float) -> float:
    """How far its slow start has come: 1/STEPS at once, 1 at the end."""
    if not health.climbs or not service.slow_start:
        return 1.0
    return min(STEPS, _steps(service, health, now)) / STEPS


def _next_step(service: Service, health: Health, now: float) -> float:
    if _climbed(service, health, now) >= 1.0:
        return inf
    return health.since + (_steps(service, health, now) + 1) * service.slow_start / STEPS


def _steps(service: Service, health: Health, now: float) -> int:
    """Whole steps since it came up, one at least. A little is given: who waits for a step's time is not sent back."""
    return max(1, floor((now - health.since) / service.slow_start * STEPS + 1e-6))


def _weights(service: Service, parts: Sequence[float]) -> tuple[tuple[int, ...], int]:
    """Whole weights in these proportions, and their scale. Zero stays zero, and nothing else becomes it."""
    exact = [real.weight * part for real, part in zip(service.reals, parts, strict=True)]
    whole = service.scheduler in ABSOLUTE or all(part in (0.0, 1.0) for part in parts)
    scale = 1 if whole else min(SCALE, max(1, int(HEAVIEST // max(1.0, *exact))))
    return tuple(min(HEAVIEST, max(1, round(weight * scale))) if weight else 0 for weight in exact), scale
