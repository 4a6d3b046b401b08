"""`lblc`, locality-based least connections: a VIP stays with its server until that has too much and another little.

Made for caches behind a firewall mark, where the destinations are many.
"""

from __future__ import annotations

from collections.abc import Sequence

from carom.dataplane.fake.schedulers.base import Candidate, Options, Request, Rule, least
from carom.model import Address


def crowded(candidate: Candidate, candidates: Sequence[Candidate]) -> bool:
    """It has more active flows than it weighs, while some server (usable or not) has less than half of its weight."""
    return candidate.active > candidate.weight and any(each.active * 2 < each.weight for each in candidates)


class LocalityLeastConnections(Rule):
    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._homes: dict[Address, int] = {}

    def pick(self, request: Request, candidates: Sequence[Candidate]) -> int | None:
        """Home, if it is there and weighs something (its upper threshold is not asked); else as `wlc`, a new home."""
        home = next((each for each in candidates if each.id == self._homes.get(request.vip)), None)
        if home and home.weight > 0 and not crowded(home, candidates):
            return home.id
        best = least(candidates, self.options.overhead)
        if best is None:
            return None
        self._homes[request.vip] = best.id
        return best.id


RULE = LocalityLeastConnections
