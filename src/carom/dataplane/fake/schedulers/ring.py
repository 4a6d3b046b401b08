"""A place in the list of servers: where a round goes on, also after its server has been taken out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from carom.dataplane.fake.schedulers.base import Candidate


class Ring:
    """The server chosen last. None: the place before the head."""

    def __init__(self) -> None:
        self.last: int | None = None
        self._ids: list[int] = []

    def changed(self, ids: list[int]) -> None:
        """Hear the new list; if the server chosen last is gone, the nearest before it that is left takes its place.

        Where a change both adds and takes out, the new ones, at the head, are there before the old ones go.
        """
        both = [server for server in ids if server not in self._ids] + self._ids
        while self.last is not None and self.last not in ids:
            before = both.index(self.last) - 1
            self.last = both[before] if before >= 0 else None
        self._ids = ids

    def after(self, candidates: Sequence[Candidate]) -> Iterator[Candidate]:
        """One whole round, beginning after the server chosen last and ending with it."""
        start = 0 if self.last is None else self._ids.index(self.last) + 1
        yield from candidates[start:]
        yield from candidates[:start]
