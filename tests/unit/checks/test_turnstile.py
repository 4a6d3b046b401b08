"""The turnstile, round by round of a real event loop."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from carom.checks.turnstile import Turnstile

MOST = 3


class Rounds:
    """Counts the event loop's rounds, and who entered in which."""

    def __init__(self) -> None:
        self.now = 0
        self.entered: list[tuple[int, int]] = []
        """The round and who it was."""
        self.turnstile = Turnstile(MOST)
        self._handle = asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        self.now += 1
        self._handle = asyncio.get_running_loop().call_soon(self._next)

    def end(self) -> None:
        self._handle.cancel()

    async def come(self, who: int) -> None:
        await self.turnstile.enter()
        self.entered.append((self.now, who))

    @property
    def crowds(self) -> list[int]:
        return list(Counter(number for number, _ in self.entered).values())


def play(scene: Callable[[Rounds], Awaitable[None]]) -> Rounds:
    async def bounded() -> Rounds:
        rounds = Rounds()
        async with asyncio.timeout(10):
            await scene(rounds)
        rounds.end()
        return rounds

    return asyncio.run(bounded())


def test_of_many_who_come_together_few_enter_in_each_round_in_their_order() -> None:
    async def scene(rounds: Rounds) -> None:
        await asyncio.gather(*(rounds.come(who) for who in range(10)))

    rounds = play(scene)
    assert [who for _, who in rounds.entered] == list(range(10))
    assert rounds.crowds == [3, 3, 3, 1]


def test_who_comes_alone_does_not_wait() -> None:
    async def scene(rounds: Rounds) -> None:
        for who in range(10):
            before = rounds.now
            await rounds.come(who)
            assert rounds.now == before
            await asyncio.sleep(0)

    assert len(play(scene).entered) == 10


def test_while_more_come_all_enter_and_never_many_at_a_time() -> None:
    async def scene(rounds: Rounds) -> None:
        async with asyncio.TaskGroup() as tasks:
            for who in range(40):
                tasks.create_task(rounds.come(who))
                if who % 4 == 3:
                    await asyncio.sleep(0)

    rounds = play(scene)
    assert sorted(who for _, who in rounds.entered) == list(range(40))
    assert max(rounds.crowds) <= 2 * MOST


def test_who_goes_away_takes_nobodys_turn() -> None:
    async def scene(rounds: Rounds) -> None:
        tasks = [asyncio.create_task(rounds.come(who)) for who in range(12)]
        await asyncio.sleep(0)
        for task in tasks[3:9]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    rounds = play(scene)
    assert [who for _, who in rounds.entered] == [0, 1, 2, 9, 10, 11]
