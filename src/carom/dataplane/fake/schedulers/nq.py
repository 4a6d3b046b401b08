"""`nq`, never queue: the first usable server without an active flow; if all have some, as `sed`."""

from __future__ import annotations

from collections.abc import Sequence

from carom.dataplane.fake.schedulers.base import Candidate, Options, Request, Rule
from carom.dataplane.fake.schedulers.sed import ShortestExpectedDelay


class NeverQueue(Rule):
    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._otherwise = ShortestExpectedDelay(options)

    def pick(self, request: Request, candidates: Sequence[Candidate]) -> int | None:
        for candidate in candidates:
            if candidate.usable and candidate.active == 0:
                return candidate.id
        return self._otherwise.pick(request, candidates)


RULE = NeverQueue
