"""Numbers that last: which number a service, a VIP or a real server has in the maps, across restarts.

The label maps hold what each number stands for, so whoever takes the maps over reads it back and goes on with the same
numbers, and the flows keep their meaning. Numbers count from 1; 0 is "none" everywhere.
"""

from __future__ import annotations

import ctypes as c
import struct
from array import array
from collections.abc import Callable
from typing import Generic, TypeVar

from carom.dataplane.xdp.layout import RealLabel, ServiceLabel, VipLabel, key, packed, unpacked
from carom.dataplane.xdp.libbpf import Map
from carom.errors import DataPlaneError
from carom.events import RealName
from carom.model import Address

T = TypeVar("T")


class Labels(Generic[T]):
    """One label map, and the numbers it has given out."""

    def __init__(self, labels: Map, encode: Callable[[T], bytes], decode: Callable[[bytes], T | None]) -> None:
        self._map, self._encode = labels, encode
        self.numbers: dict[T, int] = {}
        for index, value in labels.items():
            if (thing := decode(value)) is not None:
                self.numbers[thing] = struct.unpack("=I", index)[0]
        self.things = {number: thing for thing, number in self.numbers.items()}
        """`numbers`, the other way round."""
        self._listed: tuple[tuple[T, ...], array[int]] | None = None
        self._free = [number for number in range(labels.max_entries - 1, 0, -1) if number not in self.things]

    @property
    def free(self) -> int:
        """How many numbers are left."""
        return len(self._free)

    @property
    def listed(self) -> tuple[tuple[T, ...], array[int]]:
        """All things, and the number of each; the same values again while nothing comes or goes."""
        if self._listed is None:
            self._listed = tuple(self.numbers), array("I", self.numbers.values())
        return self._listed

    def number(self, thing: T) -> int:
        """Its number; a new one, written down, where it has none. Raises DataPlaneError when none is left."""
        if (number := self.numbers.get(thing)) is not None:
            return number
        if not self._free:
            raise DataPlaneError(f"{self._map.what} is full: {self._map.max_entries - 1} numbers are in use")
        number = self.numbers[thing] = self._free.pop()
        self.things[number] = thing
        self._listed = None
        self._map.set(key(number), self._encode(thing))
        return number

    def rewrite(self, thing: T) -> None:
        """Writes its label again, after something in it that is no part of its identity has changed."""
        self._map.set(key(self.numbers[thing]), self._encode(thing))

    def release(self, thing: T) -> None:
        """Its number may be given to another."""
        number = self.numbers.pop(thing)
        del self.things[number]
        self._listed = None
        self._map.set(key(number), bytes(self._map.value_size))
        self._free.append(number)


def service_labels(labels: Map) -> Labels[str]:
    """Numbers of services, by name."""

    def decode(value: bytes) -> str | None:
        return ServiceLabel.from_buffer_copy(value).name.decode() or None

    return Labels(labels, lambda name: bytes(ServiceLabel(name.encode())), decode)


def vip_labels(labels: Map) -> Labels[tuple[Address, int]]:
    """Numbers of VIPs, by address and protocol number."""

    def encode(vip: tuple[Address, int]) -> bytes:
        return bytes(VipLabel(_array(vip[0]), vip[0].version, vip[1]))

    def decode(value: bytes) -> tuple[Address, int] | None:
        label = VipLabel.from_buffer_copy(value)
        return (unpacked(bytes(label.address), label.family), label.protocol) if label.family else None

    return Labels(labels, encode, decode)


class RealLabels(Labels[RealName]):
    """Numbers of real servers, by service and address; each remembers its last weight that was not 0."""

    def __init__(self, labels: Map) -> None:
        self.last_weights: dict[RealName, int] = {}
        super().__init__(labels, self._label, self._read)

    def release(self, thing: RealName) -> None:
        super().release(thing)
        self.last_weights.pop(thing, None)

    def note_weight(self, real: RealName, weight: int) -> None:
        if weight and self.last_weights.get(real) != weight:
            self.last_weights[real] = weight
            self.rewrite(real)

    def forget_weight(self, real: RealName) -> None:
        """It is configured no more; should it come back, it begins anew, as in IPVS."""
        if self.last_weights.pop(real, 0):
            self.rewrite(real)

    def _label(self, real: RealName) -> bytes:
        service, address = real
        return bytes(RealLabel(service.encode(), _array(address), address.version, 0, self.last_weights.get(real, 0)))

    def _read(self, value: bytes) -> RealName | None:
        label = RealLabel.from_buffer_copy(value)
        if not label.family:
            return None
        real = (label.service.decode(), unpacked(bytes(label.address), label.family))
        self.last_weights[real] = label.last_weight
        return real


def _array(address: Address) -> c.Array[c.c_uint8]:
    return (c.c_uint8 * 16)(*packed(address))
