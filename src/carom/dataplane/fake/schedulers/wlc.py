"""`wlc`, weighted least connections: the usable server with the least overhead for its weight; of equals the first."""

from __future__ import annotations

from collections.abc import Sequence

from carom.dataplane.fake.schedulers.base import Candidate, Request, Rule, least


class WeightedLeastConnections(Rule):
    def pick(self, request: Request, candidates: Sequence[Candidate]) -> int | None:
        best = least(candidates, self.options.overhead)
        return best.id if best else None


RULE = WeightedLeastConnections
