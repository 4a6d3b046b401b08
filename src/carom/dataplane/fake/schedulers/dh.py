"""`dh`, destination hashing: the VIP alone decides, by 256 buckets that servers fill in turn, whatever they weigh."""

from __future__ import annotations

from collections.abc import Sequence

from carom.core.buckets import bucket_of, dh_buckets
from carom.core.hashing import fold
from carom.dataplane.fake.schedulers.base import Candidate, Options, Request, Rule


class DestinationHash(Rule):
    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._buckets: tuple[int, ...] = ()

    def changed(self, candidates: Sequence[Candidate]) -> None:
        self._buckets = dh_buckets(len(candidates))

    def pick(self, request: Request, candidates: Sequence[Candidate]) -> int | None:
        if not self._buckets:
            return None
        candidate = candidates[self._buckets[bucket_of(fold(request.vip))]]
        return candidate.id if candidate.usable else None


RULE = DestinationHash
