"""Health: outcomes go in, states and weights come out. Times are plain numbers."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carom.core.health import (
    CALM,
    HEAVIEST,
    Health,
    Standing,
    heard,
    inherited,
    judge,
    needed,
    unproven,
)
from carom.model import Check, Ports, Protocol, Real, Scheduler, Service
from carom.outcome import Diagnosis, Outcome, Reason, Verdict

GOOD, BAD, BROKEN = Outcome(Reason.OK), Outcome(Reason.REFUSED, "no"), Outcome(Reason.FAULT, "no more files")
CHECK = Check(rise=2, fall=3)
A, B, C, SORRY = (ip_address(f"192.168.76.{host}") for host in (31, 32, 33, 40))


def after(health: Health, outcomes: str, *, since: float = 0.0, every: float = 2.0) -> Health:
    """The record after outcomes written as `+`, `-` and `?` (the check itself was broken)."""
    kinds = {"+": GOOD, "-": BAD, "?": BROKEN}
    for number, kind in enumerate(outcomes, 1):
        health = heard(health, CHECK, kinds[kind], None, since + number * every)
    return health


# ---- rise and fall ----


@pytest.mark.parametrize(
    ("outcomes", "up"),
    [
        ("", True),
        ("--", True),
        ("--+--", True),
        ("---", False),
        ("---+", False),
        ("---+-+", False),
        ("---++", True),
        ("--?-", False),
        ("??????", True),
    ],
)
def test_it_falls_after_three_in_a_row_and_rises_after_two(outcomes: str, up: bool) -> None:
    assert after(inherited(0.0, up=True), outcomes).up is up


@pytest.mark.parametrize(("outcomes", "up"), [("", False), ("+", True), ("-", False), ("-+", False), ("-++", True)])
def test_the_first_outcome_of_all_decides_at_once(outcomes: str, up: bool) -> None:
    assert after(unproven(0.0, joins=False), outcomes).up is up


def test_a_check_that_is_broken_proves_nothing() -> None:
    health = after(unproven(0.0, joins=False), "???")
    assert not health.proven
    assert health.outcome is BROKEN


def test_it_is_told_since_when_and_why() -> None:
    why = Diagnosis(Verdict.VIP_MISSING, "because", "add it")
    health = inherited(0.0, up=True)
    for now in (2.0, 4.0, 6.0, 8.0):
        health = heard(health, CHECK, BAD, why, now)
    assert (health.up, health.since, health.outcome, health.diagnosis) == (False, 6.0, BAD, why)
    assert heard(health, CHECK, GOOD, None, 10.0).diagnosis is None


@given(st.text(alphabet="+-?"))
def test_only_fall_in_a_row_take_a_real_server_down(outcomes: str) -> None:
    counted = outcomes.replace("?", "")
    if "---" not in counted:
        assert after(inherited(0.0, up=True), outcomes).up


def test_outcomes_that_change_no_weight_have_no_effect() -> None:
    health = after(inherited(0.0, up=True), "+")
    assert after(health, "+--+?", since=2.0).effect == health.effect
    assert after(health, "---", since=2.0).effect != health.effect


# ---- flapping ----


def test_one_that_flaps_must_prove_itself_longer_each_time() -> None:
    health = inherited(0.0, up=True)
    taken = []
    for _ in range(8):
        now = health.since
        health = after(health, "---", since=now)
        taken.append(needed(health, CHECK, health.fell))
        health = after(health, "+" * taken[-1], since=health.fell)
        assert health.up
    assert taken == sorted(taken)
    assert taken[0] == CHECK.rise
    assert taken[1] == 2 * CHECK.rise
    assert taken[-1] <= 32 * CHECK.rise


def test_quiet_makes_it_good_again() -> None:
    health = after(after(inherited(0.0, up=True), "---++"), "---", since=10.0)
    assert needed(health, CHECK, 16.0) == 2 * CHECK.rise
    assert needed(health, CHECK, 16.0 + 2 * CALM) == CHECK.rise


# ---- standing ----


def service(*reals: Real, **wishes: object) -> Service:
    return Service("web", ip_address("192.168.76.24"), (Ports(Protocol.TCP, 80, 80),), reals, **wishes)  # type: ignore[arg-type]


UP, DOWN = inherited(0.0, up=True), inherited(0.0, up=False)
THREE = (Real(A), Real(B), Real(C))


@pytest.mark.parametrize(
    ("records", "wishes", "standing"),
    [
        ((UP, UP, DOWN), {}, Standing.SERVING),
        ((DOWN, DOWN, DOWN), {}, Standing.DOWN),
        ((DOWN, DOWN, DOWN), {"fail_open": True}, Standing.FAIL_OPEN),
        ((DOWN, DOWN, DOWN), {"sorry": SORRY}, Standing.SORRY),
        ((DOWN, DOWN, DOWN), {"sorry": SORRY, "fail_open": True}, Standing.SORRY),
        ((UP, DOWN, DOWN), {"sorry": SORRY, "minimum": 2}, Standing.SORRY),
        ((UP, UP, DOWN), {"sorry": SORRY, "minimum": 2}, Standing.SERVING),
        ((UP, DOWN, DOWN), {"minimum": 2}, Standing.SERVING),
        ((DOWN, DOWN, DOWN), {"check": None}, Standing.SERVING),
        ((None, None, None), {}, Standing.SERVING),
    ],
)
def test_how_a_service_stands(
    records: tuple[Health | None, ...], wishes: dict[str, object], standing: Standing
) -> None:
    assert judge(service(*THREE, **wishes), records, 0.0).standing is standing


def test_failing_open_puts_all_to_work() -> None:
    judgement = judge(service(*THREE, fail_open=True), (DOWN, DOWN, DOWN), 0.0)
    assert judgement.up == (True, True, True)
    assert judgement.weights == (1, 1, 1)


def test_a_quiesced_real_server_does_not_serve() -> None:
    asked = service(Real(A, weight=0), Real(B), sorry=SORRY)
    assert judge(asked, (UP, DOWN), 0.0).standing is Standing.SORRY


def test_without_real_servers_nothing_serves() -> None:
    assert judge(service(fail_open=True), (), 0.0).standing is Standing.DOWN


# ---- weights ----


def test_weights_are_the_configured_ones_where_nothing_speaks_against_it() -> None:
    judgement = judge(service(Real(A, 3), Real(B, 0), Real(C, 1)), (UP, UP, DOWN), 100.0)
    assert judgement.weights == (3, 0, 1)
    assert judgement.again == inf


def test_a_slow_start_climbs_in_twenty_steps_and_says_when() -> None:
    asked = service(Real(A), Real(B), slow_start=60.0)
    health = after(inherited(0.0, up=False), "++")
    came_up = health.since
    shares, now = [], came_up
    while now < inf:
        judgement = judge(asked, (UP, health), now)
        shares.append(judgement.weights[1] / judgement.weights[0])
        assert judgement.again > now
        now = judgement.again
    assert shares == pytest.approx([0.05] + [step / 20 for step in range(2, 21)])
    assert judge(asked, (UP, health), came_up + 60.0).weights == (1, 1)


def test_at_the_first_start_nobody_starts_slowly_and_who_joins_later_does() -> None:
    asked = service(Real(A), Real(B), slow_start=60.0)
    first, late = after(unproven(0.0, joins=False), "+"), after(unproven(0.0, joins=True), "+")
    judgement = judge(asked, (first, late), 2.0)
    assert judgement.weights == (100, 5)


def test_a_service_may_ask_for_another_weight() -> None:
    health = heard(UP, CHECK, Outcome(Reason.OK, weight=0.5), None, 2.0)
    assert judge(service(Real(A, 4), Real(B, 4)), (health, UP), 2.0).weights == (200, 400)


@pytest.mark.parametrize("scheduler", [Scheduler.SH, Scheduler.LBLC, Scheduler.LBLCR, Scheduler.OVF])
def test_a_weight_that_is_no_share_is_never_multiplied(scheduler: Scheduler) -> None:
    """ovf would put a hundred times as many connections on the heaviest, sh lay all its buckets out anew."""
    half = heard(UP, CHECK, Outcome(Reason.OK, weight=0.5), None, 2.0)
    little = heard(UP, CHECK, Outcome(Reason.OK, weight=0.05), None, 2.0)
    asked = replace(service(Real(A, 4), Real(B, 4), Real(C, 1)), scheduler=scheduler)
    judgement = judge(asked, (half, UP, little), 2.0)
    assert (judgement.weights, judgement.scale) == ((2, 4, 1), 1)


def test_asking_for_nothing_drains_without_any_scaling() -> None:
    health = heard(UP, CHECK, Outcome(Reason.OK, weight=0.0), None, 2.0)
    judgement = judge(service(Real(A, 4), Real(B, 4)), (health, UP), 2.0)
    assert (judgement.up[0], judgement.weights) == (True, (0, 4))


@pytest.mark.parametrize(
    ("wishes", "share"),
    [([0.5, 0.53], 0.5), ([0.5, 0.6], 0.6), ([0.98, 1.0], 1.0), ([0.5, None], 1.0), ([0.05, 0.0], 0.0)],
)
def test_small_changes_of_mind_are_not_followed(wishes: list[float | None], share: float) -> None:
    health = UP
    for wish in wishes:
        health = heard(health, CHECK, Outcome(Reason.OK, weight=wish), None, 0.0)
    assert health.share == share


@given(
    weights=st.lists(st.integers(0, HEAVIEST), min_size=1, max_size=4),
    shares=st.lists(st.floats(0.0, 10.0), min_size=4, max_size=4),
)
def test_weights_stay_in_range_and_nothing_but_zero_becomes_zero(weights: list[int], shares: list[float]) -> None:
    asked = service(*(Real(A, weight) for weight in weights))
    records = [Health(up=True, proven=True, share=share) for share in shares[: len(weights)]]
    found = judge(asked, records, 0.0).weights
    for exact, weight in zip(
        (weight * share for weight, share in zip(weights, shares, strict=False)), found, strict=True
    ):
        assert 0 <= weight <= HEAVIEST
        assert (weight == 0) == (exact == 0)
