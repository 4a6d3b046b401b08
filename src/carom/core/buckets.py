"""The 256 buckets of `sh` and `dh`: which server stands in which bucket.

Positions are those of the scheduler's list, its head being 0. Both tables are laid out anew whenever the list
changes; `sh` also when a weight does.
"""

from __future__ import annotations

from collections.abc import Sequence

from carom.core.hashing import WORD, hash_32

BITS = 8
BUCKETS = 1 << BITS


def dh_buckets(servers: int) -> tuple[int, ...]:
    """The servers one after the other, again and again, whatever they weigh. Empty without servers."""
    return tuple(bucket % servers for bucket in range(BUCKETS)) if servers else ()


def sh_buckets(weights: Sequence[int]) -> tuple[int, ...]:
    """Each server in as many buckets in a row as it weighs (weight 0: one), again and again. Empty without servers."""
    if not weights:
        return ()
    buckets: list[int] = []
    while len(buckets) < BUCKETS:
        for server, weight in enumerate(weights):
            buckets += [server] * min(max(weight, 1), BUCKETS)
    return tuple(buckets[:BUCKETS])


def bucket_of(key: int, offset: int = 0) -> int:
    """The bucket of a key (a folded address, a port added to it or not), `offset` buckets further on."""
    return hash_32(key & WORD, BITS) + offset & BUCKETS - 1
