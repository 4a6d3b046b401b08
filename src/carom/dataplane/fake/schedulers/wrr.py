"""`wrr`, weighted round robin: rounds over the list at a falling level, on which those take part who weigh so much.

With weights 4, 3, 2 the levels are 4, 3, 2, 1 and the picks A, A B, A B C, A B C. The level falls by the greatest
common divisor of the weights: it is always one more than a multiple of that, and the lowest level is 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

from carom.dataplane.fake.schedulers.base import Candidate, Options, Request, Rule


class WeightedRoundRobin(Rule):
    """Its state is where it stands: on which level, and how many of the list it has passed there."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._step = 1
        self._top = 0
        self._level = 0
        self._passed = 0

    def changed(self, candidates: Sequence[Candidate]) -> None:
        """Go back to the head, and stay on the level as far as the new weights have it."""
        weights = [candidate.weight for candidate in candidates]
        self._passed = 0
        self._step = gcd(*weights) or 1
        self._top = max(weights, default=0) - self._step + 1
        if self._level == 0 or self._level > self._top:
            self._level = self._top
        elif self._step > 1:
            self._level = self._level // self._step * self._step + 1

    def pick(self, request: Request, candidates: Sequence[Candidate]) -> int | None:
        found = self._first(candidates)
        if found is None and self._descend(candidates):
            found = self._first(candidates)
        if found is None:
            return None
        self._passed = found + 1
        return candidates[found].id

    def _first(self, candidates: Sequence[Candidate]) -> int | None:
        """The position of the next server that takes part on this level."""
        for position in range(self._passed, len(candidates)):
            if candidates[position].usable and candidates[position].weight >= self._level:
                return position
        return None

    def _descend(self, candidates: Sequence[Candidate]) -> bool:
        """Go to the head of the next level on which a usable server takes part; False: there is none.

        IPVS tries level after level. Below the heaviest usable server's own level somebody takes part in each, so
        the next is known at once. Having tried them all in vain, IPVS begins a new round, unless it had set out on
        the lowest level from within the list: then it stops where it was.
        """
        heaviest = max((candidate.weight for candidate in candidates if candidate.usable), default=0)
        if heaviest == 0:
            if self._level > 1 or self._passed == 0:
                self._level, self._passed = self._top, 0
            return False
        highest = heaviest - self._step + 1
        below = min(self._level - self._step, highest)
        self._level, self._passed = below if below > 0 else highest, 0
        return True


RULE = WeightedRoundRobin
