"""The Maglev table of `mh`, populated exactly as IPVS populates it (Eisenbud et al., "Maglev", NSDI 2016, section 3.4).

Picture a table of a prime number of slots. Every server has its own permutation of the slots, a start and a stride
hashed from its address and port; the servers take turns, each claiming the next free slot of its permutation, until
the table is full. Taking one server away moves few slots that were not its own. IPVS adds weights: a server claims
`turns` slots whenever it is its turn.

Nothing here is secret or random: every director with the same servers in the same order has the same table, and so
has a kernel with IPVS built for the same size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

from carom.core.hashing import WORD, fold, hsiphash
from carom.model import Address

PRIMES = {
    8: 251,
    9: 509,
    10: 1021,
    11: 2039,
    12: 4093,
    13: 8191,
    14: 16381,
    15: 32749,
    16: 65521,
    17: 131071,
}
"""Slots by table index, the kernel's `CONFIG_IP_VS_MH_TAB_INDEX`."""
INDEX = 12
"""The index that distributions' kernels are built with."""
START_KEY = 2654435761
STRIDE_KEY = 2654446892


@dataclass(frozen=True, slots=True)
class Server:
    """A server as the table sees it."""

    address: Address
    port: int
    """The server's own port as IPVS has it: the service's port, 0 for a service of several ports (a mark)."""
    weight: int
    """Its last weight that was not 0: a quiesced server keeps its slots, so that nobody else's client moves."""


def maglev_table(servers: Sequence[Server], index: int = INDEX) -> tuple[int, ...]:
    """Slot to position in `servers` (list order, head first). Empty when no server has a weight."""
    turns = _turns([server.weight for server in servers], index)
    if not any(turns):
        return ()
    size = PRIMES[index]
    slots = [-1] * size
    walks = [_walk(server, size) for server in servers]
    free = size
    while free:
        for position, (at, stride) in enumerate(walks):
            for _ in range(min(turns[position], free)):
                while slots[at] >= 0:
                    at = (at + stride) % size
                slots[at] = position
                free -= 1
            walks[position] = at, stride
    return tuple(slots)


def maglev_hash(key: int, offset: int = 0) -> int:
    """The hash of a key (a folded address, a port added to it or not); its slot is this modulo the table's size."""
    return hsiphash(key + offset & WORD, START_KEY)


def _walk(server: Server, size: int) -> tuple[int, int]:
    """A server's permutation of the slots: where it starts and its stride."""
    key = fold(server.address) + server.port & WORD
    return hsiphash(key, START_KEY) % size, hsiphash(key, STRIDE_KEY) % (size - 1) + 1


def _turns(weights: Sequence[int], index: int) -> list[int]:
    """Slots that each server claims when it is its turn: its share of the weights, scaled to the size of the table."""
    divisor = gcd(*weights)
    if divisor == 0:
        return [0] * len(weights)
    shift = max((max(weights) // divisor).bit_length() - index // 2, 0)
    return [max(weight // divisor >> shift, min(weight, 1)) for weight in weights]
