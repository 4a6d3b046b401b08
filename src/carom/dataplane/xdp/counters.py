"""The counters: what the maps know of packets and flows, as a `carom.ports.Reading`."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

from carom.dataplane.xdp.labels import RealLabels
from carom.dataplane.xdp.layout import flow_count, flows_of
from carom.dataplane.xdp.libbpf import Map
from carom.dataplane.xdp.program import Loaded
from carom.events import RealName
from carom.ports import Counter, Reading, RealReading, ReasonReading

_FLOWS_A_BUCKET = 4


@dataclass(frozen=True, slots=True)
class RealReadings(Sequence[RealReading]):
    """What was read of all real servers, in columns; what is asked for of it is made when it is.

    100,000 readings as values of their own would take a tenth of a second to make, and to free in one go whenever the
    last who looks at them lets go.
    """

    names: Sequence[RealName]
    numbers: array[int]
    """Where each stands in the columns."""
    packets: array[int]
    sizes: array[int]
    new_flows: array[int]
    loads: array[int]
    """Words as in the map: `layout.flows_of` takes them apart."""
    handshakes: array[int]
    """SYNs repeated and handshakes lost, in turn."""

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, place: int) -> RealReading: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[RealReading]: ...
    def __getitem__(self, place: int | slice) -> RealReading | Sequence[RealReading]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        (service, address), number = self.names[place], self.numbers[place]
        return RealReading(
            *(service, address, Counter(self.packets[number], self.sizes[number]), self.new_flows[number]),
            *flows_of(self.loads[number]),
            *(self.handshakes[2 * number], self.handshakes[2 * number + 1]),
        )


def read(loaded: Loaded, reals: RealLabels) -> Reading:
    """One look; each number is whole, but they are not all of the same instant.

    It is made once a second, for 100,000 real servers too: numbers are read in pieces and added up by columns.
    """
    names, numbers = reals.listed
    size = max(numbers, default=0) + 1
    packets, sizes, new_flows = _sums(loaded.maps["real_counters"], size, 3)
    loads, handshakes = _words(loaded.maps["loads"], size), _words(loaded.maps["handshakes"], 2 * size)
    flows4, flows6 = _flows(names, numbers, loads)
    return Reading(
        reals=RealReadings(names, numbers, packets, sizes, new_flows, loads, handshakes),
        reasons=_reasons(loaded),
        flows4=flows4,
        flows6=flows6,
        flow_capacity=loaded.maps["flows4"].max_entries * _FLOWS_A_BUCKET,
    )


def _flows(names: Sequence[RealName], numbers: array[int], loads: array[int]) -> tuple[int, int]:
    """The flows of IPv4 and of IPv6: each is counted for a real server of its family."""
    flows4 = flows6 = 0
    for (_, address), number in zip(names, numbers, strict=True):
        if address.version == 4:
            flows4 += flow_count(loads[number])
        else:
            flows6 += flow_count(loads[number])
    return flows4, flows6


def _reasons(loaded: Loaded) -> tuple[ReasonReading, ...]:
    packets, sizes = _sums(loaded.maps["reasons"], len(loaded.reasons), 2)
    return tuple(
        ReasonReading(reason.name, reason.sentence, reason.normal, Counter(*counted))
        for reason, *counted in zip(loaded.reasons, packets, sizes, strict=True)
    )


def _words(words: Map, count: int) -> array[int]:
    """The first words of an array that can be mapped."""
    with words.memory() as memory:
        return array("Q", memory[: 8 * count])


def _sums(counters: Map, size: int, fields: int) -> list[array[int]]:
    """Each field of a per-CPU array's first values, added up over all CPUs."""
    totals = [array("Q") for _ in range(fields)]
    for count, values in counters.first(size):
        words = values.cast("Q")
        row = len(words) // count
        for field, total in enumerate(totals):
            total.extend(map(sum, zip(*(words[at::row] for at in range(field, row, fields)), strict=True)))
    return totals
