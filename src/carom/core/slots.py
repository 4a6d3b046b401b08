"""Consistent-hash tables of a service: who is in them, and how large they are.

Every service has one. For `mh` it is IPVS's Maglev table and the schedule itself. For every other scheduler it is the
way out when a packet has no flow: the flow table is full, or the flow is not known (any more).
"""

from __future__ import annotations

from functools import lru_cache

from carom.core.maglev import INDEX, PRIMES, Server, maglev_table
from carom.core.plan import RealPlan, ServicePlan

maglev = lru_cache(maxsize=256)(maglev_table)
"""Remembers tables: a change of one service leaves those of all others as they were."""


def hashed_port(service: ServicePlan) -> int:
    """The port that IPVS hashes a server by: the service's, or 0 where one service has several."""
    single = len(service.ports) == 1 and service.ports[0].first == service.ports[0].last
    return service.ports[0].first if single else 0


def mh_table(service: ServicePlan, listed: list[RealPlan], weights: list[int], size: int = 0) -> tuple[int, ...]:
    """Slot to place in `listed` (list order, head first), by last weights that were not 0.

    `size` is that of the table before, which a service keeps for life, since flows are found by it; 0: choose.
    """
    index = next((index for index, prime in PRIMES.items() if prime == size), None)
    return _table(service, listed, weights, index or _index_for(10 * len(listed), INDEX))


def fallback_table(service: ServicePlan, listed: list[RealPlan]) -> tuple[int, ...]:
    """Slot to place in `listed`, by the weights of now; four slots and more for each real server."""
    weights = [real.weight for real in listed]
    return _table(service, listed, weights, _index_for(4 * len(listed), min(PRIMES)))


def _table(service: ServicePlan, listed: list[RealPlan], weights: list[int], index: int) -> tuple[int, ...]:
    port = hashed_port(service)
    servers = (Server(real.address, port, weight) for real, weight in zip(listed, weights, strict=True))
    return maglev(tuple(servers), index)


def _index_for(slots: int, least: int) -> int:
    return next((index for index, size in PRIMES.items() if index >= least and size >= slots), max(PRIMES))
