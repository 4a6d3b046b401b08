"""`lc`, least connections: the usable server with the least overhead; of equals the first. Weights count only as 0."""

from __future__ import annotations

from collections.abc import Sequence

from carom.dataplane.fake.schedulers.base import Candidate, Request, Rule


class LeastConnections(Rule):
    def pick(self, request: Request, candidates: Sequence[Candidate]) -> int | None:
        usable = [candidate for candidate in candidates if candidate.usable]
        return min(usable, key=self.options.overhead).id if usable else None


RULE = LeastConnections
