"""`lblcr`, locality-based least connections with replication: a VIP has a set of servers, which load makes grow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from carom.dataplane.fake.schedulers.base import Candidate, Options, Request, Rule, least
from carom.dataplane.fake.schedulers.lblc import crowded
from carom.model import Address

UNCHANGED_SECONDS = 86400.0
"""A set that has been left as it is for longer loses its most loaded server (`lblcr_expiration`)."""


@dataclass(slots=True)
class Homes:
    """The servers of one VIP."""

    ids: list[int]
    """Newest first."""
    changed: float
    """When a server last came or went."""


class ReplicatedLeastConnections(Rule):
    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._homes: dict[Address, Homes] = {}

    def pick(self, request: Request, candidates: Sequence[Candidate]) -> int | None:
        """The least loaded of the set; if that is crowded or there is none, as `wlc`, and the set takes it in."""
        homes = self._homes.get(request.vip)
        if homes is not None:
            members = {each.id: each for each in candidates if each.id in homes.ids}
            ordered = [members[each] for each in homes.ids if each in members]
            best = least(ordered, self.options.overhead)
            self._shrink(homes, ordered, request.now)
            if best and not crowded(best, candidates):
                return best.id
        best = least(candidates, self.options.overhead)
        if best is None:
            return None
        self._admit(request, best.id)
        return best.id

    def _admit(self, request: Request, chosen: int) -> None:
        homes = self._homes.setdefault(request.vip, Homes([], request.now))
        if chosen not in homes.ids:
            homes.ids.insert(0, chosen)
            homes.changed = request.now

    def _shrink(self, homes: Homes, members: Sequence[Candidate], now: float) -> None:
        """Drop the most loaded for its weight, of equals the first, once the set has long been the same.

        `members` are those of the set that are in the list."""
        if len(members) < 2 or now - homes.changed <= UNCHANGED_SECONDS:
            return
        load = self.options.overhead
        most: Candidate | None = None
        for each in members:
            if each.weight and (most is None or load(most) * each.weight < load(each) * most.weight):
                most = each
        if most:
            homes.ids.remove(most.id)
            homes.changed = now


RULE = ReplicatedLeastConnections
