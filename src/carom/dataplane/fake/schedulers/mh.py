"""`mh`, Maglev hashing: the client decides, by a table in which a change of servers moves few clients.

`mh-port` hashes the client's port too. A client whose server is not usable gets none, or with `mh-fallback` the
first usable one of the slots tried after its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from carom.core.hashing import WORD, fold
from carom.core.maglev import INDEX, PRIMES, Server, maglev_hash, maglev_table
from carom.dataplane.fake.schedulers.base import Candidate, Options, Request, Rule
from carom.model import SchedulerFlag


class MaglevHash(Rule):
    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._port = SchedulerFlag.MH_PORT in options.flags
        self._fallback = SchedulerFlag.MH_FALLBACK in options.flags
        self._weights: dict[int, int] = {}
        self._table: tuple[int, ...] = ()

    def changed(self, candidates: Sequence[Candidate]) -> None:
        """Remember last weights that were not 0, and lay out the table by them: quiescing moves nobody."""
        self._weights = {
            each.id: each.weight or each.last_weight or self._weights.get(each.id, 0) for each in candidates
        }
        self._table = maglev_table([Server(each.address, each.port, self._weights[each.id]) for each in candidates])

    def pick(self, request: Request, candidates: Sequence[Candidate]) -> int | None:
        if not any(candidate.usable for candidate in candidates):
            return None
        for slot in self._tries(request):
            candidate = candidates[self._table[slot]]
            if candidate.usable:
                return candidate.id
        return None

    def _tries(self, request: Request) -> Iterator[int]:
        """The slots to look into: the client's own, then as many as the table has, each hashed with its offset."""
        size = PRIMES[INDEX]
        key = fold(request.client) + (request.client_port if self._port else 0) & WORD
        own = maglev_hash(key) % size
        yield own
        if self._fallback:
            yield from (maglev_hash(key, (own + offset) % size) % size for offset in range(size))


RULE = MaglevHash
