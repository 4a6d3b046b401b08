"""Converting: records of one layout into those of another, part by part, by name; and whole maps of them.

A part that both know is carried over, one that only the new layout knows is 0. A number that has names is told by its
name, so it may be another number there. What does not fit is an error, and nothing is lost in silence.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Iterator, Mapping

from carom.dataplane.xdp.description import Description, Part, Place
from carom.dataplane.xdp.layout import key
from carom.dataplane.xdp.libbpf import Map
from carom.dataplane.xdp.room import copy
from carom.errors import DataPlaneError

Values = dict[str, int | bytes]
"""A record's parts, by name; a number with names is what it is in the new layout."""
PIECE = 1 << 16
"""Bytes that are looked at in one go."""


class Converter:
    """From one kind of record to the same kind in another layout."""

    def __init__(self, old: Description, new: Description, record: str) -> None:
        if record not in old.records:
            raise DataPlaneError(f"layout {old.layout} has no {record}")
        self._old, self._new, self._record = old, new, record
        self.size = old.records[record].size
        self._parts = old.records[record].parts
        self._target = new.records[record]
        self._names = {
            part: self._translation(where.names) for part, where in self._parts.items() if where.names in new.names
        }
        self._shared = [
            (name, where, self._parts[name]) for name, where in self._target.parts.items() if name in self._parts
        ]

    def values(self, raw: bytes) -> Values:
        """The parts that both layouts know."""
        return {name: self._read(name, where, raw) for name, _, where in self._shared}

    def convert(self, raw: bytes) -> bytes:
        return self.record(self.values(raw))

    def record(self, values: Mapping[str, int | bytes]) -> bytes:
        """A record of the new layout. Raises DataPlaneError where something does not fit."""
        made = bytearray(self._target.size)
        for name, value in values.items():
            self._write(made, name, self._target.parts[name], value)
        return bytes(made)

    def _translation(self, names: str) -> dict[int, int]:
        """The old numbers of something that has names, and the new ones."""
        theirs = {name: number for number, name in enumerate(self._new.names[names])}
        return {number: theirs[name] for number, name in enumerate(self._old.names[names]) if name in theirs}

    def _read(self, name: str, part: Part, raw: bytes) -> int | bytes:
        field = bytes(raw[part.at : part.at + part.size])
        if not part.bits:
            return field
        value = int.from_bytes(field, sys.byteorder) >> part.shift & (1 << part.bits) - 1
        if name not in self._names:
            return value
        if value not in self._names[name]:
            names = self._old.names[part.names]
            called = names[value] if value < len(names) else value
            raise DataPlaneError(f"a {self._record} of layout {self._old.layout} has the {name} {called}, unknown here")
        return self._names[name][value]

    def _write(self, made: bytearray, name: str, part: Part, value: int | bytes) -> None:
        span = slice(part.at, part.at + part.size)
        if isinstance(value, bytes):
            if any(value[part.size :]):
                raise self._does_not_fit(name)
            made[span] = value[: part.size].ljust(part.size, b"\0")
            return
        if value >> part.bits:
            raise self._does_not_fit(name)
        field = int.from_bytes(made[span], sys.byteorder) | value << part.shift
        made[span] = field.to_bytes(part.size, sys.byteorder)

    def _does_not_fit(self, what: str) -> DataPlaneError:
        return DataPlaneError(
            f"the {what} of a {self._record} of layout {self._old.layout} does not fit into layout {self._new.layout}"
        )


class Carrier:
    """Carries what stands in maps of one layout over to maps of another, which are empty."""

    def __init__(
        self, old: Description, new: Description, source: Mapping[str, Map], target: Mapping[str, Map]
    ) -> None:
        self.old, self.new = old, new
        self.source, self.target = source, target
        self._counted: dict[tuple[str, int], list[Values]] = {}
        """Of counters, what has been carried over so far."""

    def converter(self, record: str) -> Converter:
        return Converter(self.old, self.new, record)

    def ours(self, record: str) -> Converter:
        """From the new layout to itself: to read it, and to write it again."""
        return Converter(self.new, self.new, record)

    def array(self, name: str) -> None:
        """Every record to the place with the same number."""
        source, target = self.source[name], self.target[name]
        fits = source.max_entries <= target.max_entries and source.value_size == target.value_size
        if fits and self.old.same(self.new, name):
            copy(source, target)
            return
        convert = self.converter(self.new.maps[name].record)
        self._store(name, {number: convert.convert(raw) for number, raw in self.records(name)})

    def _store(self, name: str, records: Mapping[int, bytes]) -> None:
        target, size = self.target[name], self.new.records[self.new.maps[name].record].size
        each = target.value_size // size
        if records and max(records) >= target.max_entries * each:
            raise DataPlaneError(f"{target.what} has room for {target.max_entries * each}, and {max(records)} is used")
        if target.mappable:
            with target.memory() as memory:
                for number, record in records.items():
                    start = number // each * target.value_size + number % each * size
                    memory[start : start + size] = record
            return
        for number, record in records.items():
            target.set(key(number), record)

    def records(self, name: str) -> Iterator[tuple[int, bytes]]:
        """Those that are not all 0, with their numbers."""
        source, size = self.source[name], self.old.records[self.old.maps[name].record].size
        each, nothing = source.value_size // size, bytes(size)
        for first, values in pieces(source):
            for place in range(len(values) // source.value_size):
                for number in range(each):
                    start = place * source.value_size + number * size
                    if (record := values[start : start + size]) != nothing:
                        yield (first + place) * each + number, record

    def hash(self, name: str) -> None:
        """Every key and its value."""
        convert = self.converter(self.new.maps[name].record)
        for place, value in self.source[name].items():
            self.target[name].set(place, convert.convert(value))

    # ------------------------------------------------------------------------------- counters

    def counters(self, name: str) -> None:
        """Adds what has been counted since the last time. Nobody counts there any more, or in a few packets' time."""
        place = self.new.maps[name]
        convert, mine = self.converter(place.record), self.ours(place.record)
        translate = self._numbers(place)
        source, target = self.source[name], self.target[name]
        for number, value in self._values(name):
            if (goal := translate(number)) is None or goal >= target.max_entries:
                continue
            now = [convert.values(each) for each in _each(source, value)]
            before = self._counted.get((name, number), [{} for _ in now])
            self._counted[name, number] = now
            if now != before:
                self._add(target, goal, mine, now, before)

    @staticmethod
    def _add(target: Map, number: int, mine: Converter, now: list[Values], before: list[Values]) -> None:
        added = []
        for standing, counts, old in zip(_each(target, target.get(key(number)) or b""), now, before, strict=True):
            total = mine.values(standing)
            for part, count in counts.items():
                total[part] = int(total[part]) + int(count) - int(old.get(part, 0))
            added.append(mine.record(total).ljust(target.stride, b"\0"))
        target.set(key(number), b"".join(added))

    def note_counters(self, name: str) -> None:
        """What has been counted so far was carried over by somebody else."""
        convert, source = self.converter(self.new.maps[name].record), self.source[name]
        for number, value in self._values(name):
            self._counted[name, number] = [convert.values(each) for each in _each(source, value)]

    def _values(self, name: str) -> Iterator[tuple[int, bytes]]:
        """Of an array with one record in each value, those that are not all 0."""
        return self.records(name) if self.source[name].mappable else pieces(self.source[name])

    def _numbers(self, place: Place) -> Callable[[int], int | None]:
        if not place.names:
            return lambda number: number
        ours = {name: number for number, name in enumerate(self.new.names[place.names])}
        names = self.old.names[place.names]
        return lambda number: ours.get(names[number]) if number < len(names) else None


def _each(map_: Map, value: bytes) -> list[bytes]:
    """A value of each CPU, or the only one."""
    return map_.per_cpu_values(value) if map_.per_cpu else [value]


def pieces(source: Map) -> Iterator[tuple[int, bytes]]:
    """An array's values, some at a time, those that are not all 0; and the number of the first."""
    if not source.mappable:
        yield from ((struct.unpack("=I", place)[0], value) for place, value in source.items() if any(value))
        return
    step = max(PIECE // source.value_size, 1)
    with source.memory() as memory:
        for first in range(0, source.max_entries, step):
            piece = memory[first * source.value_size : min(first + step, source.max_entries) * source.value_size]
            if piece != bytes(len(piece)):
                yield first, piece
