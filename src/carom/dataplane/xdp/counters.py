"""The counters: what the maps know of packets and flows, as a `carom.ports.Reading`."""

from __future__ import annotations

from carom.dataplane.xdp.labels import RealLabels
from carom.dataplane.xdp.libbpf import Map
from carom.dataplane.xdp.program import Loaded
from carom.ports import Counter, Reading, RealReading, ReasonReading

_FLOWS_A_BUCKET = 4


def read(loaded: Loaded, reals: RealLabels) -> Reading:
    """One look; each number is whole, but they are not all of the same instant.

    It is made once a second, for ten thousand real servers too: numbers are read in one piece and added up by columns.
    """
    size = max(reals.numbers.values(), default=0) + 1
    packets, sizes, new_flows = _sums(loaded.maps["real_counters"], size, 3)
    loads, handshakes = _words(loaded.maps["loads"], size), _words(loaded.maps["handshakes"], 2 * size)
    readings = tuple(
        RealReading(
            *(service, address, Counter(packets[number], sizes[number]), new_flows[number]),
            *(loads[number] >> 32, loads[number] & 0xFFFF_FFFF),
            *(handshakes[2 * number], handshakes[2 * number + 1]),
        )
        for (service, address), number in reals.numbers.items()
    )
    return Reading(
        reals=readings,
        reasons=_reasons(loaded),
        flows=sum(reading.active + reading.inactive for reading in readings),
        flow_capacity=loaded.maps["flows4"].max_entries * _FLOWS_A_BUCKET,
    )


def _reasons(loaded: Loaded) -> tuple[ReasonReading, ...]:
    packets, sizes = _sums(loaded.maps["reasons"], len(loaded.reasons), 2)
    return tuple(
        ReasonReading(reason.name, reason.sentence, reason.normal, Counter(*counted))
        for reason, *counted in zip(loaded.reasons, packets, sizes, strict=True)
    )


def _words(array: Map, count: int) -> list[int]:
    """The first words of an array that can be mapped."""
    with array.memory() as memory:
        return memoryview(memory[: 8 * count]).cast("Q").tolist()


def _sums(counters: Map, size: int, fields: int) -> list[list[int]]:
    """Each field of a per-CPU array's first values, added up over all CPUs."""
    words = memoryview(counters.first(size)).cast("Q")
    row = len(words) // size
    columns = [[words[at::row].tolist() for at in range(field, row, fields)] for field in range(fields)]
    return [[sum(values) for values in zip(*column, strict=True)] for column in columns]
