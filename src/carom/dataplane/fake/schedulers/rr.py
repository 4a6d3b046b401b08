"""`rr`, round robin: the next usable server after the one chosen last, whatever it weighs."""

from __future__ import annotations

from collections.abc import Sequence

from carom.dataplane.fake.schedulers.base import Candidate, Options, Request, Rule
from carom.dataplane.fake.schedulers.ring import Ring


class RoundRobin(Rule):
    """Goes round the list; the server chosen last comes last, and when none is usable the place is kept."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._ring = Ring()

    def changed(self, candidates: Sequence[Candidate]) -> None:
        self._ring.changed([candidate.id for candidate in candidates])

    def pick(self, request: Request, candidates: Sequence[Candidate]) -> int | None:
        for candidate in self._ring.after(candidates):
            if candidate.usable:
                self._ring.last = candidate.id
                return candidate.id
        return None


RULE = RoundRobin
