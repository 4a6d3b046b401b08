"""The counters: what the maps know of packets and flows, as a `carom.ports.Reading`."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from itertools import islice

from carom.dataplane.xdp.labels import RealLabels
from carom.dataplane.xdp.libbpf import Map
from carom.dataplane.xdp.program import Loaded
from carom.events import RealName
from carom.ports import Counter, Reading, RealReading, ReasonReading

_FLOWS_A_BUCKET = 4


def read(loaded: Loaded, reals: RealLabels) -> Reading:
    """One look; each number is whole, but they are not all of the same instant."""
    size = max(reals.numbers.values(), default=0) + 1
    counters, loads = _first(loaded.maps["real_counters"], size), memoryview(loaded.maps["loads"].memory()).cast("Q")
    handshakes = memoryview(loaded.maps["handshakes"].memory()).cast("Q")
    readings = tuple(
        _real(
            (service, address),
            _sum(loaded.maps["real_counters"], counters[number], 3),
            loads[number],
            handshakes[2 * number : 2 * number + 2],
        )
        for (service, address), number in reals.numbers.items()
    )
    return Reading(
        reals=readings,
        reasons=_reasons(loaded),
        flows=sum(reading.active + reading.inactive for reading in readings),
        flow_capacity=loaded.maps["flows4"].max_entries * _FLOWS_A_BUCKET,
    )


def _real(name: RealName, counter: tuple[int, ...], load: int, half: Iterable[int]) -> RealReading:
    packets, size, new_flows = counter
    return RealReading(*name, Counter(packets, size), new_flows, load >> 32, load & 0xFFFF_FFFF, *half)


def _reasons(loaded: Loaded) -> tuple[ReasonReading, ...]:
    table = loaded.maps["reasons"]
    counters = (Counter(*_sum(table, value, 2)) for value in _first(table, len(loaded.reasons)))
    return tuple(
        ReasonReading(reason.name, reason.sentence, reason.normal, counter)
        for reason, counter in zip(loaded.reasons, counters, strict=True)
    )


def _first(array: Map, size: int) -> list[bytes]:
    """An array's first values, read by the batch."""
    return [value for _, value in islice(array.items(min(size, 4096)), size)]


def _sum(counters: Map, value: bytes, fields: int) -> tuple[int, ...]:
    """A per-CPU counter's fields, added up over all CPUs."""
    rows = [struct.unpack_from(f"={fields}Q", one) for one in counters.per_cpu_values(value)]
    return tuple(map(sum, zip(*rows, strict=True)))
