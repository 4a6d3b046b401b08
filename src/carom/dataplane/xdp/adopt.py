"""Adopting: the flows of a table of another layout, taken into one of ours while both are in use.

The old table is looked through slice by slice, in mapped memory, and each look is kept: so the next one finds what has
changed since. What was read is handed to the program (`bpf/adopt.h`), ADOPTED at a time, which finds each flow its
place and counts it as it does for packets. Memory is as much as the tables in use take, until the last look.

What ends in the old table between two looks is not looked for: it ends here too, by its own timeout.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from carom.dataplane.xdp.description import Description, Part
from carom.dataplane.xdp.flows import SLICE
from carom.dataplane.xdp.layout import (
    FLOW_REAL_AT,
    FLOW_REAL_MASK,
    FLOW_SEEN_AT,
    FLOW_SEEN_MASK,
    FLOW_STATE_AT,
    FLOW_STATES,
    FLOW_TEMPLATE_AT,
    FLOW_VIP_MASK,
    Adoption,
)
from carom.dataplane.xdp.libbpf import Map, Program
from carom.errors import DataPlaneError

ADOPTED = 4096
"""Flows that the program takes in one go."""
NEEDED = ("client", "client_port", "vip_port", "vip", "real", "state", "seen")
"""What must be known of a flow."""
_OPTIONAL = ("template",)
_ENTRY = struct.Struct("=16s2s2sIQQ")
"""`layout.Adopted`, which takes longer to fill."""
_NUMBERS = {1: "B", 2: "H", 4: "I", 8: "Q"}
_FEW = 16
"""Records that are compared one by one."""

Ends = tuple[bytes, bytes, bytes, int]
"""A client's address and port, the VIP's port, and the number of VIP and protocol."""


class Reader:
    """The flows of one table, in the old layout."""

    def __init__(self, table: Map, old: Description, family: int) -> None:
        record = old.records.get(f"flow{family}")
        missing = [part for part in NEEDED if record is None or part not in record.parts]
        if record is None or missing:
            raise DataPlaneError(f"layout {old.layout} does not say where a flow has its {', '.join(missing)}")
        self.table, self.size, self.ip6 = table, record.size, int(family == 6)
        spans = sorted({(part.at, part.size, not part.bits) for part in record.parts.values()})
        self._fields = struct.Struct(_format(spans, record.size))
        places = {span: number for number, span in enumerate(spans)}

        def place(name: str) -> tuple[int, int, int]:
            part = record.parts.get(name, Part(0, 0))
            return places.get((part.at, part.size, not part.bits), 0), part.shift, (1 << part.bits) - 1

        self._ends = tuple(place(name)[0] for name in NEEDED[:3])
        self._numbers = tuple(place(name) for name in (*NEEDED[3:], *_OPTIONAL))
        ours = {name: number for number, name in enumerate(FLOW_STATES)}
        self._states = [ours.get(name, FLOW_STATES.index("established")) for name in old.names["state"]]

    def read(self, record: bytes, now: int) -> tuple[Ends, int]:
        """Whose flow it is, and its word in our layout; 0: the place is free, or being written. `now`: the clock's."""
        fields = self._fields.unpack(record)
        vip, real, state, seen, template = (fields[at] >> shift & mask for at, shift, mask in self._numbers)
        client, port, vip_port = (fields[at] for at in self._ends)
        if not vip:
            return (client, port, vip_port, 0), 0
        if vip > FLOW_VIP_MASK or real > FLOW_REAL_MASK:
            raise DataPlaneError(f"flows have numbers that do not fit here: VIP {vip}, real server {real}")
        seen = now - ((now - seen) & self._numbers[3][2]) & FLOW_SEEN_MASK
        word = vip | real << FLOW_REAL_AT | self._states[state] << FLOW_STATE_AT
        return (client, port, vip_port, vip), word | template << FLOW_TEMPLATE_AT | seen << FLOW_SEEN_AT

    def slices(self) -> Iterator[tuple[int, int]]:
        """The first bucket of each, and how many they are."""
        for first in range(0, self.table.max_entries, SLICE):
            yield first, min(SLICE, self.table.max_entries - first)

    def copy(self, first: int, count: int) -> bytes:
        with self.table.window(first, count) as window:
            return window[: count * self.table.value_size]


class Adopter:
    """The program that takes flows in. Raises DataPlaneError if it cannot."""

    def __init__(self, program: Program, adopted: Map) -> None:
        self._program, self._map = program, adopted
        self._memory = adopted.memory()
        self._waiting = bytearray()
        self.taken = self.homeless = 0
        """Flows that were handed over so far, and those of them that found no room."""

    def take(self, ends: Ends, ip6: int, base: int, word: int) -> None:
        client, port, vip_port, _ = ends
        self._waiting += _ENTRY.pack(client, port, vip_port, ip6, base, word)
        if len(self._waiting) == ADOPTED * _ENTRY.size:
            self.flush()

    def flush(self) -> None:
        count = len(self._waiting) // _ENTRY.size
        if not count:
            return
        self._memory[: len(self._waiting)] = bytes(self._waiting)
        self._waiting.clear()
        asked = Adoption(count)
        if result := self._program.ask(asked):
            raise DataPlaneError(f"the data plane does not take flows over (step {result}): please report it")
        self.taken += count
        self.homeless += asked.homeless

    def close(self) -> None:
        self._memory.close()
        self._map.close()
        self._program.close()


class Look:
    """Both old tables, looked at again and again."""

    def __init__(self, readers: tuple[Reader, ...], adopter: Adopter) -> None:
        self._readers, self._adopter = readers, adopter
        self._kept: dict[tuple[int, int], bytes] = {}

    def again(self, now: int, since: int | None = None) -> int:
        """Adopts what is new or has changed since the last time; how many that was.

        `now` is the clock's second. With `since`, what was seen before that second has been adopted already.
        """
        before = self._adopter.taken
        for reader in self._readers:
            for first, count in reader.slices():
                self._slice(reader, first, count, now, since)
        self._adopter.flush()
        return self._adopter.taken - before

    def _slice(self, reader: Reader, first: int, count: int, now: int, since: int | None) -> None:
        place, copy = (reader.ip6, first), reader.copy(first, count)
        old = self._kept.get(place) or bytes(len(copy))
        if copy == old:
            return
        copy = _settled(old, copy, reader.copy(first, count), reader.size)
        for at in differences(old, copy, reader.size):
            ends, word = reader.read(copy[at : at + reader.size], now)
            if not word or (since is not None and _age(word, now) > now - since):
                continue
            ends_before, base = reader.read(old[at : at + reader.size], now)
            self._adopter.take(ends, reader.ip6, base if ends == ends_before else 0, word)
        self._kept[place] = copy


def differences(one: bytes, other: bytes, size: int) -> Iterator[int]:
    """Where records of this size begin that are not the same in both."""
    stack = [(0, len(one))]
    while stack:
        start, end = stack.pop()
        if one[start:end] == other[start:end]:
            continue
        if end - start <= _FEW * size:
            yield from (at for at in range(start, end, size) if one[at : at + size] != other[at : at + size])
            continue
        middle = start + (end - start) // size // 2 * size
        stack += [(middle, end), (start, middle)]


def _settled(old: bytes, copy: bytes, again: bytes, size: int) -> bytes:
    """The copy; but what was written just then, so that key and word may not belong together, is left as it was."""
    if copy == again:
        return copy
    settled = bytearray(copy)
    for at in differences(copy, again, size):
        settled[at : at + size] = old[at : at + size]
    return bytes(settled)


def _age(word: int, now: int) -> int:
    return (now - (word >> FLOW_SEEN_AT)) & FLOW_SEEN_MASK


def _format(spans: list[tuple[int, int, bool]], size: int) -> str:
    """The struct format of these fields, with what is between them left out."""
    parts, at = ["="], 0
    for start, length, is_bytes in spans:
        parts.append(f"{start - at}x")
        parts.append(f"{length}s" if is_bytes else _NUMBERS[length])
        at = start + length
    return "".join([*parts, f"{size - at}x"])
