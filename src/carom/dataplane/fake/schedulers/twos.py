"""`twos`, the power of two choices: two usable servers drawn by weight; the one with less overhead for its weight.

A draw is a number from 0 to the sum of the weights, both included, counted down along the list: so IPVS favours the
first usable server by one part in `sum + 1`, which shows while weights are small.
"""

from __future__ import annotations

from collections.abc import Sequence

from carom.dataplane.fake.schedulers.base import Candidate, Request, Rule


class TwoChoices(Rule):
    def pick(self, request: Request, candidates: Sequence[Candidate]) -> int | None:
        usable = [candidate for candidate in candidates if candidate.usable]
        if not usable:
            return None
        total = sum(candidate.weight for candidate in usable)
        one, two = self._at(usable, self.options.draw(total + 1)), self._at(usable, self.options.draw(total + 1))
        lighter = two.weight * self.options.overhead(one) > one.weight * self.options.overhead(two)
        return two.id if lighter else one.id

    def _at(self, usable: Sequence[Candidate], drawn: int) -> Candidate:
        """The first server by which the weights along the list reach what was drawn."""
        for candidate in usable:
            drawn -= candidate.weight
            if drawn <= 0:
                return candidate
        return usable[-1]


RULE = TwoChoices
