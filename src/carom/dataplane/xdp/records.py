"""Records: an array that the program has as a variable is a map with one value, in which its records stand in a row."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from carom.dataplane.xdp.libbpf import Map

_PIECE = 1024
"""Records that are looked at together, as most are nothing."""


class Records:
    """They, by their numbers from 0 on. `size` is that of one: bytes, a multiple of 4."""

    def __init__(self, table: Map, size: int) -> None:
        memory = memoryview(table.memory())[: table.value_size]
        self._words: memoryview = memory.cast("Q") if size % 8 == 0 else memory.cast("I")
        self._nothing = bytes(size)
        self._each = size // self._words.itemsize
        self.count = table.value_size // size

    def __getitem__(self, number: int) -> bytes:
        return self._words[number * self._each : (number + 1) * self._each].tobytes()

    def __setitem__(self, number: int, record: bytes) -> None:
        """Writes it word by word, each as a whole, since packets read meanwhile."""
        start, size = number * self._each, self._words.itemsize
        for place in range(self._each):
            self._words[start + place] = int.from_bytes(record[place * size : (place + 1) * size], sys.byteorder)

    def used(self) -> Iterator[tuple[int, bytes]]:
        """Those that are not all 0."""
        nothing = bytes(_PIECE * len(self._nothing))
        for first in range(0, self.count, _PIECE):
            piece = self._words[first * self._each : (first + _PIECE) * self._each].tobytes()
            if piece == nothing[: len(piece)]:
                continue
            for number in range(first, min(first + _PIECE, self.count)):
                if (record := self[number]) != self._nothing:
                    yield number, record
