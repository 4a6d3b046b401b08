"""`ovf`, overflow: the usable server that weighs most of those with no more active flows than their weight.

A server takes a new flow while it has `weight` active ones, so it ends with one more than it weighs. UDP flows are
never active: a UDP service never overflows.
"""

from __future__ import annotations

from collections.abc import Sequence

from carom.dataplane.fake.schedulers.base import Candidate, Options, Request, Rule
from carom.dataplane.fake.schedulers.fo import Failover


class Overflow(Rule):
    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._heaviest = Failover(options)

    def pick(self, request: Request, candidates: Sequence[Candidate]) -> int | None:
        room = [candidate for candidate in candidates if candidate.active <= candidate.weight]
        return self._heaviest.pick(request, room)


RULE = Overflow
