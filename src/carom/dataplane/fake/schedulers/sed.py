"""`sed`, shortest expected delay: the usable server with the least `(active + 1) / weight`; of equals the first."""

from __future__ import annotations

from collections.abc import Sequence

from carom.dataplane.fake.schedulers.base import Candidate, Request, Rule, least


def delay(candidate: Candidate) -> int:
    """The active flows it would have with this one."""
    return candidate.active + 1


class ShortestExpectedDelay(Rule):
    def pick(self, request: Request, candidates: Sequence[Candidate]) -> int | None:
        best = least(candidates, delay)
        return best.id if best else None


RULE = ShortestExpectedDelay
