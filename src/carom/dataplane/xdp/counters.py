"""The counters: what the maps know of packets and flows, as a `carom.ports.Reading`."""

from __future__ import annotations

import struct

from carom.dataplane.xdp.labels import RealLabels
from carom.dataplane.xdp.layout import key
from carom.dataplane.xdp.libbpf import Map
from carom.dataplane.xdp.program import Loaded
from carom.model import Address
from carom.ports import Counter, Reading, RealReading, ReasonReading

_FLOWS_A_BUCKET = 4


def read(loaded: Loaded, reals: RealLabels) -> Reading:
    """One look; each number is whole, but they are not all of the same instant."""
    readings = tuple(_real(loaded.maps, real[0], real[1], number) for real, number in reals.numbers.items())
    return Reading(
        reals=readings,
        reasons=_reasons(loaded),
        flows=sum(reading.active + reading.inactive for reading in readings),
        flow_capacity=loaded.maps["flows4"].max_entries * _FLOWS_A_BUCKET,
    )


def _real(maps: dict[str, Map], service: str, address: Address, number: int) -> RealReading:
    packets, size, new_flows = _sum(maps["real_counters"], number, 3)
    inactive, active = struct.unpack("=II", maps["loads"].get(key(number)) or bytes(8))
    return RealReading(service, address, Counter(packets, size), new_flows, active, inactive)


def _reasons(loaded: Loaded) -> tuple[ReasonReading, ...]:
    return tuple(
        ReasonReading(reason.name, reason.sentence, reason.normal, Counter(*_sum(loaded.maps["reasons"], number, 2)))
        for number, reason in enumerate(loaded.reasons)
    )


def _sum(counters: Map, number: int, fields: int) -> tuple[int, ...]:
    """A per-CPU counter's fields, added up over all CPUs."""
    values = counters.per_cpu_values(counters.get(key(number)) or b"")
    rows = [struct.unpack_from(f"={fields}Q", value) for value in values]
    return tuple(map(sum, zip(*rows, strict=True)))
