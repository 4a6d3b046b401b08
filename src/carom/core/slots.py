"""Consistent-hash tables of a service: who is in them, and how large they are.

Every service has one. For `mh`, `sh` and `dh` it is IPVS's own table and the schedule itself. For every other scheduler
it is the way out when a packet has no flow: the flow table is full, or the flow is not known (any more).
"""

from __future__ import annotations

from functools import lru_cache

from carom.core.buckets import BUCKETS, bucket_of, dh_buckets, sh_buckets
from carom.core.hashing import fold
from carom.core.maglev import INDEX, PRIMES, Server, maglev_hash, maglev_table
from carom.core.plan import RealPlan, ServicePlan
from carom.model import Address, Scheduler, SchedulerFlag

maglev = lru_cache(maxsize=256)(maglev_table)
"""Remembers tables: a change of one service leaves those of all others as they were."""


def hashed_port(service: ServicePlan) -> int:
    """The port that IPVS hashes a server by: the service's, or 0 where one service has several."""
    single = len(service.ports) == 1 and service.ports[0].is_single
    return service.ports[0].first if single else 0


HASHED = frozenset({Scheduler.DH, Scheduler.SH, Scheduler.MH})
"""Schedulers that are such a table."""
_FALLBACKS = frozenset({SchedulerFlag.SH_FALLBACK, SchedulerFlag.MH_FALLBACK})
_PORTS = frozenset({SchedulerFlag.SH_PORT, SchedulerFlag.MH_PORT})


def falls_back(service: ServicePlan) -> bool:
    """Whether a client whose own slot has nobody tries others."""
    return bool(service.scheduler_flags & _FALLBACKS)


def hashes_port(service: ServicePlan) -> bool:
    return bool(service.scheduler_flags & _PORTS)


def tracks_all(service: ServicePlan) -> bool:
    """Whether every flow needs an entry; by hash alone a client finds its real server again without one."""
    by_hash = service.scheduler in HASHED and not falls_back(service) and not service.persistence
    return not by_hash or any(real.upper for real in service.reals)


def hash_table(service: ServicePlan, listed: list[RealPlan], last_weights: list[int], size: int = 0) -> tuple[int, ...]:
    """Slot to place in `listed` (list order, head first), for a hash scheduler.

    `last_weights` are those that were not 0. `size` is that of `mh`'s table before, which a service keeps for life,
    since flows are found by it; 0: choose.
    """
    if service.scheduler is Scheduler.DH:
        return dh_buckets(len(listed))
    if service.scheduler is Scheduler.SH:
        return sh_buckets([real.weight for real in listed])
    index = next((index for index, prime in PRIMES.items() if prime == size), None)
    return _table(service, listed, last_weights, index or _index_for(10 * len(listed), INDEX))


def slot_number(service: ServicePlan, client: Address, client_port: int, size: int) -> int:
    """The slot of a table of `size` that a client falls into."""
    key = fold(service.vip if service.scheduler is Scheduler.DH else client)
    if hashes_port(service):
        key += client_port
    return bucket_of(key) if service.scheduler in (Scheduler.DH, Scheduler.SH) else maglev_hash(key) % size


def table_size(service: ServicePlan) -> int:
    """Slots that a service's table has at most, where it has not had another from its life's beginning on."""
    if service.scheduler in (Scheduler.DH, Scheduler.SH):
        return BUCKETS
    count = len(service.reals) + 1
    hashed = service.scheduler is Scheduler.MH
    return PRIMES[_index_for(10 * count, INDEX) if hashed else _index_for(4 * count, min(PRIMES))]


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
