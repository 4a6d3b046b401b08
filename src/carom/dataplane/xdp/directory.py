"""The directory: the hash table in which packets find their service, one for each family, as user space changes it.

`bpf/maps.h` says how it is built, `bpf/lookup.h` how packets read it. Packets read while we write, so a change is a few
aligned stores in an order in which each is true: an entry's key appears last and goes first. A place that was given up
rests before another key gets it, since a packet may have seen its old key and not yet what stands behind it; the same
key has it back at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from carom.dataplane.xdp.extents import REST
from carom.dataplane.xdp.layout import FRONTEND_BUCKETS, FRONTEND_REACH, FRONTENDS, Frontend, frontend_bucket
from carom.dataplane.xdp.libbpf import Map
from carom.errors import DataPlaneError

FREE = 0
GONE = (1 << 64) - 1
"""In place of a key that stood in a full bucket: keys behind that bucket must still be found. No key is like this."""


class Directory:
    """One family's table; keys are those of `layout.frontend_key`."""

    def __init__(self, table: Map, clock: Callable[[], float]) -> None:
        self._table, self._clock = table, clock
        self._words: memoryview = memoryview(table.memory()).cast("Q")
        self._size: int = len(self._words) // (FRONTEND_BUCKETS * FRONTENDS)
        """Of an entry, words: the key's, then the one that it leads to."""
        marks = self._words[self._size - 2 :: self._size].tolist()
        self._places = {self._key(place): place for place, mark in enumerate(marks) if mark not in (FREE, GONE)}
        self._resting: dict[int, tuple[float, bytes]] = {}
        """Places that were given up: when, and whose they were."""

    def items(self) -> Iterator[tuple[bytes, Frontend]]:
        for key, place in self._places.items():
            yield key, Frontend.of(self._words[self._at(place) + self._size - 1])

    def words(self) -> dict[bytes, int]:
        """The same, each as the word that packets read."""
        words = self._words[self._size - 1 :: self._size].tolist()
        return {key: words[place] for key, place in self._places.items()}

    def put(self, key: bytes, frontend: Frontend) -> None:
        """Lets a key lead there from now on. Raises DataPlaneError where it finds no place."""
        place = self._places.get(key)
        at = self._at(self._room(key) if place is None else place)
        self._words[at + self._size - 1] = frontend.word
        if place is None:
            words = memoryview(key).cast("Q")
            for offset in range(self._size - 1):  # the last of them is the one that counts
                self._words[at + offset] = words[offset]
            self._places[key] = at // self._size

    def remove(self, key: bytes) -> None:
        place = self._places.pop(key)
        bucket, at = place // FRONTENDS, self._at(place)
        self._words[at + self._size - 2] = GONE if self._is_full(bucket) else FREE
        self._words[at + self._size - 1] = 0
        self._resting[place] = self._clock(), key

    def _at(self, place: int) -> int:
        return place * self._size

    def _mark(self, place: int) -> int:
        """The word by which a place is free, or whose it is."""
        return self._words[self._at(place) + self._size - 2]

    def _taken(self, place: int) -> bool:
        return self._mark(place) not in (FREE, GONE)

    def _key(self, place: int) -> bytes:
        at = self._at(place)
        return self._words[at : at + self._size - 1].tobytes()

    def _is_full(self, bucket: int) -> bool:
        return self._mark(bucket * FRONTENDS + FRONTENDS - 1) != FREE

    def _room(self, key: bytes) -> int:
        """The first free place that packets would look at. Buckets that it passes by become full, if they are not."""
        home = frontend_bucket(key)
        for step in range(FRONTEND_REACH):
            first = (home + step) % FRONTEND_BUCKETS * FRONTENDS
            for place in range(first, first + FRONTENDS):
                if not self._taken(place) and self._rested(place, key):
                    return place
            if not self._is_full(first // FRONTENDS):
                self._words[self._at(first + FRONTENDS - 1) + self._size - 2] = GONE
        raise DataPlaneError(f"{self._table.what} has no room for one more port where its hash would have it")

    def _rested(self, place: int, key: bytes) -> bool:
        """Whether this key may have a place that is free."""
        since, last = self._resting.get(place, (-REST, key))
        if last != key and self._clock() - since < REST:
            return False
        self._resting.pop(place, None)
        return True
