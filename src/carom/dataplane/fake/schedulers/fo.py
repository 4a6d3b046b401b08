"""`fo`, failover: the usable server that weighs most; of equals the first."""

from __future__ import annotations

from collections.abc import Sequence

from carom.dataplane.fake.schedulers.base import Candidate, Request, Rule


class Failover(Rule):
    def pick(self, request: Request, candidates: Sequence[Candidate]) -> int | None:
        usable = [candidate for candidate in candidates if candidate.usable]
        return max(usable, key=lambda candidate: candidate.weight).id if usable else None


RULE = Failover
