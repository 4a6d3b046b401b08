"""The entrances: the VIPs, ports and ranges by which packets come to a service, in either half of what leads there.

`bpf/maps.h` draws the halves. Whoever changes a plan writes the half that no packet reads; once the halves are swapped,
what the plan no longer has is tidied away.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

from carom.dataplane.xdp.directory import Directory
from carom.dataplane.xdp.extents import Extents
from carom.dataplane.xdp.frontends import FrontendPlan, heirs
from carom.dataplane.xdp.layout import (
    HALF_BITS,
    RANGE_LAST,
    Frontend,
    Settings,
    Vip,
    half_of,
    key,
    vip_filter_bit,
    with_half,
)
from carom.dataplane.xdp.libbpf import Map
from carom.errors import DataPlaneError
from carom.model import Address

_NOWHERE = FrontendPlan(0)


@dataclass(slots=True)
class Useless:
    """What leads nowhere as soon as the halves are swapped."""

    places: list[bytes]
    ranges: list[int] = field(default_factory=list)
    """Where they begin."""


class Entrances:
    """Those of one data plane."""

    def __init__(self, maps: Mapping[str, Map], half: int, clock: Callable[[], float]) -> None:
        """`half` is the one that packets read, 0 or 1."""
        self._maps, self._clock = maps, clock
        self._words = memoryview(maps["ranges"].memory()).cast("Q")
        self._extents = Extents("ranges", maps["ranges"].max_entries)
        self._extents.hold(0, 1)  # index 0 is "none"
        self._directories = {4: Directory(maps["frontends4"], clock), 6: Directory(maps["frontends6"], clock)}
        self._vips: Mapping[Address, int] = {}
        """Those in the maps, and in which halves they are one, while a plan is made true."""
        for frontend in self.standing().values():
            start = frontend.ways[half].ranges
            self._extents.hold(start, len(self._ranges_at(start)))

    def standing(self) -> dict[bytes, Frontend]:
        """Every key that is there, and where it leads."""
        return {place: frontend for directory in self._directories.values() for place, frontend in directory.items()}

    def lead(self, wish: Mapping[bytes, FrontendPlan], half: int) -> Useless:
        """Lets this half, which no packet reads, lead to the plan's services; what that makes useless in the other.

        Raises DataPlaneError where a port or a range finds no place: what has been written by then leads nowhere.
        """
        standing = self._words_standing()
        useless, taken = Useless(list(standing.keys() - wish.keys())), list[int]()
        try:
            for place in [*wish, *useless.places]:
                frontend = wish.get(place, _NOWHERE)
                word = standing.get(place, frontend.vip << 2 * HALF_BITS)
                old = ranges = half_of(word, 1 - half) >> 12
                if (old or frontend.ranges) and self._ranges_at(old) != frontend.ranges:
                    ranges = self._lay(frontend.ranges)
                    useless.ranges.append(old)
                    taken.append(ranges)
                after = with_half(word, half, frontend.service | ranges << 12)
                if after != standing.get(place):
                    self._directory(place).put(place, Frontend.of(after))
        except DataPlaneError:
            self._give_back(taken)
            raise
        return useless

    def heirs(self, wish: Mapping[bytes, FrontendPlan], half: int) -> dict[int, set[int]]:
        """The services that get ports which packets of this half find others at, and these others, by number."""
        standing = self._words_standing()

        def now(place: bytes) -> tuple[int, list[int]]:
            way = half_of(standing.get(place, 0), half)
            return way & 0xFFF, self._ranges_at(way >> 12)

        def then(place: bytes) -> tuple[int, list[int]]:
            frontend = wish.get(place, _NOWHERE)
            return frontend.service, frontend.ranges

        return heirs([place for place in standing.keys() | wish.keys() if now(place) != then(place)], now, then)

    def open(self, vips: set[Address], half: int) -> None:
        """In this half, which no packet reads, these are the VIPs. New ones pass the filter first."""
        standing = self._standing_vips()
        self._write_filter(vips | standing.keys())
        self._vips = {
            vip: self._set_vip(vip, standing.get(vip, 0), half, is_one=vip in vips) for vip in vips | standing.keys()
        }

    def tidy(self, vips: set[Address], half: int, useless: Useless) -> None:
        """Takes away what this half, which packets read now, has no more."""
        for place in useless.places:
            self._directory(place).remove(place)
        self._give_back(useless.ranges)
        for vip, halves in self._vips.items():
            if vip in vips:
                self._set_vip(vip, halves, 1 - half, is_one=True)
            else:
                self._maps[f"vips{vip.version}"].delete(vip.packed)
        self._write_filter(vips)

    def renew(self, frontends: Mapping[bytes, Frontend], half: int) -> None:
        """Has these lead where they led; the ranges and VIPs are there, and `half` is the one that packets read."""
        self._write_filter(self._standing_vips())
        for place, frontend in frontends.items():
            self._directory(place).put(place, frontend)
            start = frontend.ways[half].ranges
            self._extents.hold(start, len(self._ranges_at(start)))

    # ---- ports and ranges ----

    def _words_standing(self) -> dict[bytes, int]:
        return {place: word for directory in self._directories.values() for place, word in directory.words().items()}

    def _directory(self, place: bytes) -> Directory:
        """The one that a key belongs to: the families' keys differ in length."""
        return self._directories[4 if len(place) == 8 else 6]

    def _lay(self, ranges: list[int]) -> int:
        """Lays these aside; where."""
        start = self._extents.take(len(ranges), self._clock())
        self._words[start : start + len(ranges)] = array("Q", ranges)
        return start

    def _ranges_at(self, start: int) -> list[int]:
        """The ranges that begin there, up to the last."""
        found = list[int]()
        while start and not (found and found[-1] >> 32 & RANGE_LAST):
            found.append(self._words[start + len(found)])
        return found

    def _give_back(self, starts: Iterable[int]) -> None:
        for start in starts:
            self._extents.give_back(start, len(self._ranges_at(start)), self._clock())

    # ---- VIPs ----

    def _set_vip(self, vip: Address, halves: int, half: int, *, is_one: bool) -> int:
        if (after := with_half(halves, half, is_one)) != halves:
            self._maps[f"vips{vip.version}"].set(vip.packed, bytes(Vip(after)))
        return after

    def _standing_vips(self) -> dict[Address, int]:
        """Those in the maps, and in which halves they are one."""
        return {
            ip_address(address): Vip.from_buffer_copy(value).halves
            for name in ("vips4", "vips6")
            for address, value in self._maps[name].items()
        }

    def _write_filter(self, vips: Iterable[Address]) -> None:
        settings = settings_of(self._maps)
        marked = frozenset(map(vip_filter_bit, vips))
        settings.vip_filter[:] = [place in marked for place in range(len(settings.vip_filter))]
        self._maps["settings"].set(key(0), bytes(settings))


def settings_of(maps: Mapping[str, Map]) -> Settings:
    """As they stand there."""
    return Settings.from_buffer_copy(maps["settings"].get(key(0)) or b"")
