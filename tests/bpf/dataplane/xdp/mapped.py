"""What stands in the maps of a loaded object, as packets see it."""

from __future__ import annotations

import ctypes as c
from ipaddress import ip_address

from carom.dataplane.xdp.directory import Directory
from carom.dataplane.xdp.layout import HALF_BITS, Real, Settings, Way, half_of, key
from carom.dataplane.xdp.program import Loaded
from carom.dataplane.xdp.records import Records
from carom.dataplane.xdp.tables import Tables


def number_of(tables: Tables, address: str, service: str = "web") -> int:
    return tables.reals.numbers[service, ip_address(address)]


def settings(loaded: Loaded) -> Settings:
    return Settings.from_buffer_copy(loaded.maps["settings"].get(key(0)) or b"")


def frontends(loaded: Loaded) -> dict[bytes, Way]:
    """Where ports lead, as packets see it."""
    half = settings(loaded).half // HALF_BITS
    items = Directory(loaded.maps["frontends4"], lambda: 0.0).items()
    return {place: frontend.ways[half] for place, frontend in items if frontend.ways[half] != Way()}


def versions(loaded: Loaded) -> list[int]:
    """Of the first services, as packets see them."""
    half = settings(loaded).half // HALF_BITS
    services = Records(loaded.maps["services"], 8)
    return [half_of(int.from_bytes(services[n], "little"), half) for n in range(6)]


def real_of(loaded: Loaded, number: int) -> Real:
    return Real.from_buffer_copy(Records(loaded.maps["reals"], c.sizeof(Real))[number])
