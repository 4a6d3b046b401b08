"""A trial: it succeeds or fails, and knows the way back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

import pytest

from carom.core.world import begin
from carom.errors import DataPlaneError
from carom.events import NeighbourLost
from carom.model import Config, Director
from carom.trial import Trial

CONFIG = Config(Director("eth0"))
LOST = NeighbourLost(ip_address("192.168.76.31"))


def play(scene: Callable[[Trial], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await scene(Trial(CONFIG))

    asyncio.run(bounded())


def test_what_is_heard_from_its_beginning_on_belongs_to_the_way_back() -> None:
    async def scene(trial: Trial) -> None:
        with pytest.raises(RuntimeError):
            _ = trial.way_back
        trial.hear([LOST])
        assert not trial.begun
        before = begin(CONFIG)
        trial.begin(before)
        trial.hear([LOST])
        trial.hear([LOST, LOST])
        assert trial.begun
        assert trial.way_back == (before, [LOST, LOST, LOST])

    play(scene)


def test_who_waits_for_it_hears_how_it_ended() -> None:
    async def scene(trial: Trial) -> None:
        trial.succeed()
        await trial.outcome()
        other = Trial(CONFIG)
        other.fail(DataPlaneError("the members are full"))
        with pytest.raises(DataPlaneError, match=r"^the members are full$"):
            await other.outcome()

    play(scene)


def test_a_defect_is_a_failure_of_the_data_plane_to_who_waits() -> None:
    async def scene(trial: Trial) -> None:
        trial.fail(ZeroDivisionError("division by zero"))
        with pytest.raises(DataPlaneError, match="division by zero"):
            await trial.outcome()

    play(scene)


def test_it_goes_on_though_who_waited_has_gone() -> None:
    async def scene(trial: Trial) -> None:
        waiting = asyncio.create_task(trial.outcome())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        trial.succeed()
        await trial.outcome()

    play(scene)
