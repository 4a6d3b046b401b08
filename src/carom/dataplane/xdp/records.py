"""Records: an array that the program has as a variable is a map with one value, in which its records stand in a row."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from carom.dataplane.xdp.libbpf import Map


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
        for number in range(self.count):
            if (record := self[number]) != self._nothing:
                yield number, record
