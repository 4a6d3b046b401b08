"""`sh`, source hashing: the client decides, by 256 buckets that each server fills by its weight.

`sh-port` hashes the client's port too. A client whose server is not usable gets none, or with `sh-fallback` the
first usable one of the buckets tried after its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from carom.core.buckets import BUCKETS, bucket_of, sh_buckets
from carom.core.hashing import fold
from carom.dataplane.fake.schedulers.base import Candidate, Options, Request, Rule
from carom.model import SchedulerFlag


class SourceHash(Rule):
    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._port = SchedulerFlag.SH_PORT in options.flags
        self._fallback = SchedulerFlag.SH_FALLBACK in options.flags
        self._buckets: tuple[int, ...] = ()

    def changed(self, candidates: Sequence[Candidate]) -> None:
        self._buckets = sh_buckets([candidate.weight for candidate in candidates])

    def pick(self, request: Request, candidates: Sequence[Candidate]) -> int | None:
        if not self._buckets:
            return None
        for bucket in self._tries(request):
            candidate = candidates[self._buckets[bucket]]
            if candidate.usable:
                return candidate.id
        return None

    def _tries(self, request: Request) -> list[int]:
        """The buckets to look into: the client's own, then (as IPVS walks) from twice its number on."""
        key = fold(request.client) + (request.client_port if self._port else 0)
        own = bucket_of(key)
        if not self._fallback:
            return [own]
        return [own, *(bucket_of(key, own + offset) for offset in range(BUCKETS))]


RULE = SourceHash
