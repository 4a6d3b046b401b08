"""Room: how many entries the maps have for real servers and what belongs to them.

The sizes in `bpf/maps.h` are enough for nearly everybody, and little is wasted on those who need less. A plan that
needs more gets larger maps, with what stood in the old ones: the program that works on them then replaces the other in
one step. Maps never shrink while they are pinned.

What the program itself writes is never copied, as it would go on in the old map meanwhile: flows, templates and loads
have their size from the beginning, and so have the schedulers' lists, whose size the verifier must know. The exceptions
harm nobody: packets and bytes counted in the milliseconds between copy and swap are lost, whether a real server is
overloaded is seen again at its next flow, and lblcr's homes are hints.
"""

from __future__ import annotations

from itertools import islice

from carom.core.plan import Plan
from carom.core.slots import table_size
from carom.dataplane.xdp.layout import REALS
from carom.dataplane.xdp.libbpf import Map

OF_REALS = ("limits", "homes", "real_counters", "real_labels")
PIECE = 1 << 16
"""Bytes that are copied in one go: nobody else gets the interpreter meanwhile."""
SPARE = 1.25
"""Times what a plan has: who leaves, and has flows still, keeps its number."""
VERSIONS = 2.5
"""Times what a plan has: each service's new version is laid beside the old one, and gaps remain between them."""


def room_for(plan: Plan) -> dict[str, int]:
    """The entries that each of these maps must have, at least, for the plan to be laid beside one of its size."""
    numbers = min(_round(SPARE * sum(len(service.reals) + 1 for service in plan.services)), REALS)
    slots = VERSIONS * sum(map(table_size, plan.services))
    return dict.fromkeys(OF_REALS, numbers) | {"slots": _round(slots)}


def lacking(plan: Plan, maps: dict[str, Map]) -> dict[str, int]:
    """Those of them that are too small as they are."""
    return {name: size for name, size in room_for(plan).items() if size > maps[name].max_entries}


def copy(source: Map, target: Map) -> None:
    """Everything that stands in an array into a larger one, which is empty."""
    if source.mappable:
        old = memoryview(source.memory())
        new = memoryview(target.memory())
        for start in range(0, len(old), PIECE):
            new[start : start + PIECE] = old[start : start + PIECE]
        return
    for key, value in islice(source.items(), source.max_entries):
        if any(value):
            target.set(key, value)


def _round(entries: float) -> int:
    """To a power of two."""
    return 1 << max(0, int(entries) - 1).bit_length()
