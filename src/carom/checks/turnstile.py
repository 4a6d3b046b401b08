"""The turnstile: so many pass in each round of the event loop, however many come at a time.

All that has become ready by the beginning of a round is done in it before anything else is looked at. A thousand checks
that begin together would be a round of a tenth of a second, and another one when they are answered together. How many
may pass is found out: where a round takes long, for instance because another thread wants the interpreter too, it is
half as many in the next; where it is short, one more.
"""

from __future__ import annotations

import asyncio
from collections import deque

ROUND = 0.008
"""Seconds that a round should take at most."""


class Turnstile:
    """For the event loop's thread."""

    def __init__(self, most: int) -> None:
        """So many get their turn in one round at most; those who had to wait take it in the next."""
        self._most = self._allowed = self._left = most
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._began: float | None = None
        """When this round began; None: nobody has come since the last one."""

    async def enter(self) -> None:
        """Returns when it is one's turn; who comes first goes first."""
        if self._began is None:
            self._next_round()
        if self._left and not self._waiting:
            self._left -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        await turn

    def _next_round(self) -> None:
        loop = asyncio.get_running_loop()
        self._began, self._left = loop.time(), self._allowed
        loop.call_soon(self._turn)

    def _turn(self) -> None:
        """A new round has begun."""
        if self._left == self._allowed:
            self._began = None
            return
        self._adapt()
        self._next_round()
        while self._waiting and self._left:
            turn = self._waiting.popleft()
            if not turn.done():  # its check may have been ended meanwhile
                turn.set_result(None)
                self._left -= 1

    def _adapt(self) -> None:
        took = asyncio.get_running_loop().time() - (self._began or 0.0)
        if took > ROUND:
            self._allowed = max(1, self._allowed // 2)
        elif took < ROUND / 2:
            self._allowed = min(self._most, self._allowed + 1)
