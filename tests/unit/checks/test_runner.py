"""The runner: what is checked when, and what is reported of it. In jumping time; checks are played."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address

import pytest

from carom.checks import runner as runners
from carom.checks.checker import OK, Target
from carom.checks.jobs import Job, Probe
from carom.checks.overhear import Ear
from carom.checks.runner import Runner
from carom.checks.witnesses import Witnessed
from carom.core.diagnosis import Presence
from carom.model import Address
from carom.outcome import Checked, Outcome, Reason, Verdict
from tests.unit.checks.clock import run

DOWN = Outcome(Reason.SILENT, "nothing")


@dataclass(frozen=True)
class Played:
    """A check that takes a while and ends as it is told."""

    name: str = ""
    seconds: float = field(default=0.0, compare=False)
    answer: Callable[[], Outcome] = field(default=lambda: OK, compare=False)
    started: list[float] = field(default_factory=list, compare=False)

    async def check(self, target: Target) -> Outcome:
        self.started.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.seconds)
        return self.answer()


def real(number: int) -> Address:
    return IPv4Address("10.0.0.0") + number


def probe(check: Played, number: int = 1, every: float = 2.0, port: int = 80) -> Probe:
    return Probe(check, Target(real(number), port, real(number)), every)


def job(check: Played, number: int = 1, every: float = 2.0, service: str = "web") -> Job:
    return Job(service, real(number), probe(check, number, every))


@dataclass
class Watch:
    """A runner with what it reported, and witnesses that never knew of anything."""

    reports: list[Checked] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)
    witnesses_take: float = 0.0

    def __post_init__(self) -> None:
        self.runner = Runner(self.reports.append, self._ask)

    async def _ask(self, _: Probe, __: Ear) -> Witnessed:
        self.asked.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.witnesses_take)
        return Witnessed(Presence.SILENT)


def watched(seconds: float, *jobs: Job, witnesses_take: float = 0.0) -> Watch:
    """What happens in so many seconds."""

    async def conversation() -> Watch:
        watch = Watch(witnesses_take=witnesses_take)
        await watch.runner.want(jobs)
        await asyncio.sleep(seconds)
        await watch.runner.close()
        return watch

    return run(conversation())


# ---- when ----


def test_each_is_checked_in_its_interval() -> None:
    slow, fast = Played("slow"), Played("fast")
    watched(1000, job(slow, 1, every=10), job(fast, 2, every=2))
    assert len(slow.started) == pytest.approx(100, abs=2)
    assert len(fast.started) == pytest.approx(500, abs=2)
    gaps = [after - before for before, after in zip(slow.started[1:], slow.started[2:], strict=False)]
    assert gaps == pytest.approx([10.0] * len(gaps))


def test_the_first_comes_soon_and_the_others_are_spread() -> None:
    checks = [Played(str(number)) for number in range(500)]
    watched(100, *(job(check, number, every=30) for number, check in enumerate(checks)))
    first, second = ([check.started[index] for check in checks] for index in (0, 1))
    assert max(first) <= runners.FIRST_WITHIN + runners.TICK
    assert max(Counter(int(time * 10) for time in first).values()) < 160, "a hundred on average"
    assert max(Counter(int(time) for time in second).values()) < 100


def test_a_failure_while_the_daemon_stood_still_is_no_failure() -> None:
    answers = iter([OK, DOWN, OK, DOWN])

    def answer() -> Outcome:
        return next(answers, OK)

    stopped = Played(seconds=31.0, answer=answer)
    reasons = [checked.outcome.reason for checked in watched(125, job(stopped)).reports]
    assert reasons == [Reason.OK, Reason.OK]
    answers = iter([OK, DOWN, OK])
    slow = Played(seconds=1.5, answer=answer)
    reasons = [checked.outcome.reason for checked in watched(6, job(slow)).reports]
    assert reasons == [Reason.OK, Reason.SILENT, Reason.OK]


def test_one_that_takes_longer_than_its_interval_follows_itself_at_once() -> None:
    check = Played(seconds=5.0)
    watch = watched(100, job(check, every=2))
    gaps = [after - before for before, after in zip(check.started, check.started[1:], strict=False)]
    assert gaps == pytest.approx([5.0] * len(gaps))
    assert watch.runner.skipped == pytest.approx(19, abs=2)


def test_no_more_than_the_limit_are_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runners, "AT_ONCE", 10)
    under_way, most = 0, 0

    @dataclass(frozen=True)
    class Counts(Played):
        async def check(self, target: Target) -> Outcome:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(1.0)
            under_way -= 1
            return OK

    watch = watched(60, *(job(Counts(str(number)), number) for number in range(40)))
    assert most == 10
    assert len({checked.real for checked in watch.reports}) == 40, "none is starved"


# ---- the wish ----


@dataclass(frozen=True)
class Crowded:
    """A check that notes how many of its kind begin in one round of the event loop."""

    name: str
    crowds: list[int] = field(default_factory=list, compare=False)
    now: list[str] = field(default_factory=list, compare=False)

    async def check(self, _: Target) -> Outcome:
        if not self.now:
            asyncio.get_running_loop().call_soon(self._end_round)
        self.now.append(self.name)
        return OK

    def _end_round(self) -> None:
        self.crowds.append(len(self.now))
        self.now.clear()


def test_of_many_that_fall_due_together_few_begin_in_one_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that whatever else is to be done has its turn in between."""
    monkeypatch.setattr(runners, "BEGUN_AT_ONCE", 5)
    monkeypatch.setattr(runners, "TICK", 2.0)
    check = Crowded("a")
    probes = [Probe(check, Target(real(number), 80, real(number)), 2.0) for number in range(100)]
    watch = watched(1.0, *(Job("web", one.target.real, one) for one in probes))
    assert len(watch.reports) == sum(check.crowds) == 100
    assert max(check.crowds) <= 2 * 5


def test_equal_checks_are_made_once_and_told_to_everybody() -> None:
    check = Played()
    watch = watched(10, job(check, service="web"), job(Played(), service="shop"))
    times = len(check.started)
    assert times in (5, 6)
    assert Counter(checked.service for checked in watch.reports) == {"web": times, "shop": times}


def test_what_stays_runs_on_what_is_new_begins_what_is_gone_ends() -> None:
    stays, gone, new = Played("stays"), Played("gone"), Played("new")

    async def conversation() -> None:
        watch = Watch()
        await watch.runner.want([job(stays), job(gone, 2)])
        await asyncio.sleep(10.5)
        await watch.runner.want([job(stays), job(new, 3)])
        await asyncio.sleep(10)
        await watch.runner.close()

    run(conversation())
    gaps = [after - before for before, after in zip(stays.started[1:], stays.started[2:], strict=False)]
    assert gaps == pytest.approx([2.0] * len(gaps)), "its beat is not broken"
    assert max(gone.started) < 10.5 <= min(new.started)


def test_a_service_that_joins_a_running_check_hears_of_it() -> None:
    async def conversation() -> Watch:
        watch = Watch()
        await watch.runner.want([job(Played(), service="web")])
        await asyncio.sleep(5)
        await watch.runner.want([job(Played(), service="shop")])
        watch.reports.clear()
        await asyncio.sleep(5)
        await watch.runner.close()
        return watch

    assert {checked.service for checked in run(conversation()).reports} == {"shop"}


def test_a_check_under_way_is_ended_with_its_wish() -> None:
    async def conversation() -> int:
        watch = Watch()
        await watch.runner.want([job(Played(seconds=1000.0))])
        await asyncio.sleep(10)
        await watch.runner.close()
        return len(asyncio.all_tasks()) - 1

    assert run(conversation()) == 0


def test_a_thousand_wishes_leave_no_more_than_the_last() -> None:
    async def conversation() -> tuple[int, Watch]:
        watch = Watch()
        for round_ in range(1000):
            await watch.runner.want([job(Played(str(round_)), number) for number in range(5)])
        tasks = len(asyncio.all_tasks()) - 1
        await watch.runner.close()
        return tasks, watch

    tasks, watch = run(conversation())
    assert tasks == 5
    assert not watch.runner._tasks
    assert not watch.runner._for


# ---- why it failed ----


def failing(*outcomes: Outcome) -> Played:
    """A check that ends in these ways, one after the other, then in the last."""
    rest: Iterator[Outcome] = iter(outcomes)
    return Played(answer=lambda: next(rest, outcomes[-1]))


def test_a_failure_comes_with_its_diagnosis_and_a_success_without() -> None:
    watch = watched(10, job(failing(OK, DOWN, DOWN, OK)))
    verdicts = [checked.diagnosis.verdict if checked.diagnosis else None for checked in watch.reports[:4]]
    assert verdicts == [None, Verdict.SERVER_DOWN, Verdict.SERVER_DOWN, None]


def test_nobody_is_asked_while_all_is_well() -> None:
    assert not watched(100, job(Played())).asked


def test_from_the_second_failure_on_witnesses_are_asked_beside_the_check() -> None:
    check = Played(seconds=0.5, answer=lambda: DOWN)
    watch = watched(10, job(check), witnesses_take=0.5)
    delays = [asked - started for asked, started in zip(watch.asked, check.started, strict=False)]
    assert delays == pytest.approx([0.5] + [0.0] * (len(delays) - 1))


def test_of_many_that_fail_at_once_some_are_examined_and_all_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runners, "EXAMINED_AT_ONCE", 4)
    checks = [Played(str(number), answer=lambda: DOWN) for number in range(40)]
    watch = watched(100, *(job(check, number) for number, check in enumerate(checks)), witnesses_take=1.9)
    counts = Counter(checked.real for checked in watch.reports)
    assert all(count == pytest.approx(50, abs=10) for count in counts.values())
    diagnosed = {checked.real for checked in watch.reports if checked.diagnosis}
    assert len(diagnosed) == 40, "those without a diagnosis go first"
