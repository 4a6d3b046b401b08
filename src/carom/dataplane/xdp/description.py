"""Descriptions: how the records in the maps are laid out, in words that a build with another layout understands.

Whoever makes maps writes the description of its own layout beside them, into the map `description`: of each record the
byte, the bits and the name of every part, and what its numbers are called. Another build reads by names whatever it
knows, and need not know the layout. That is more than BTF says, which ends at the word: a flow is two.

A part of a plan stands in two halves, `NAME@0` and `NAME@1`; `half` in the settings says where the one begins that
packets read. Who comes with another layout reads that one, and writes the first.
"""

from __future__ import annotations

import ctypes as c
import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from functools import cache

from carom.dataplane.xdp import layout
from carom.dataplane.xdp.layout import FLOW_STATES, HALF_BITS, LAYOUT_VERSION, SCHEDULERS, STRUCTS
from carom.errors import DataPlaneError


@dataclass(frozen=True, slots=True)
class Part:
    """Where one part of a record stands: some bits of a number of `size` bytes, or these bytes as they are."""

    at: int
    size: int
    shift: int = 0
    bits: int = 0
    """0: bytes, and no number."""
    names: str = ""
    """Which names its numbers have: a key of `Description.names`."""


@dataclass(frozen=True, slots=True)
class Record:
    """One kind of record."""

    size: int
    parts: Mapping[str, Part]


@dataclass(frozen=True, slots=True)
class Place:
    """Where the records of one map are: in its values, one behind the other."""

    record: str
    key: str = ""
    """The record that is its key; else that is a number, or an address as packets have it."""
    names: str = ""
    """Which names its keys have, where they number something."""


@dataclass(frozen=True, slots=True)
class Description:
    """One layout."""

    layout: int
    records: Mapping[str, Record]
    maps: Mapping[str, Place]
    names: Mapping[str, tuple[str, ...]]

    def text(self) -> bytes:
        """As it is kept."""
        document = {
            "layout": self.layout,
            "records": {
                name: [record.size, {part: astuple(where) for part, where in record.parts.items()}]
                for name, record in self.records.items()
            },
            "maps": {name: astuple(place) for name, place in self.maps.items()},
            "names": self.names,
        }
        return json.dumps(document, separators=(",", ":")).encode()

    def in_half(self, half: int) -> Description:
        """As it is for who reads this half: of parts that have two, the other is left out."""

        def seen(record: Record) -> Record:
            halves = {name: part for name, part in record.parts.items() if not name.endswith(f"@{1 - half}")}
            return Record(record.size, {name.removesuffix(f"@{half}"): part for name, part in halves.items()})

        return replace(self, records={name: seen(record) for name, record in self.records.items()})

    def same(self, other: Description, map_: str) -> bool:
        """Whether what stands in this map means the same in both."""
        ours, theirs = self.maps.get(map_), other.maps.get(map_)
        if ours is None or ours != theirs:
            return False
        if ours.names and self.names[ours.names] != other.names[ours.names]:
            return False
        return all(self._same_record(other, record) for record in (ours.record, ours.key) if record)

    def _same_record(self, other: Description, name: str) -> bool:
        ours, theirs = self.records[name], other.records[name]
        return ours == theirs and all(
            self.names[part.names] == other.names[part.names] for part in ours.parts.values() if part.names
        )


def read(text: bytes) -> Description:
    """From what is kept. Raises DataPlaneError where that is no description."""
    try:
        document = json.loads(text.rstrip(b"\0"))
        found = Description(
            int(document["layout"]),
            {
                name: Record(int(size), {part: Part(*where) for part, where in parts.items()})
                for name, (size, parts) in document["records"].items()
            },
            {name: Place(*place) for name, place in document["maps"].items()},
            {name: tuple(names) for name, names in document["names"].items()},
        )
        _prove(found)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataPlaneError(f"no description of a layout ({type(error).__name__}: {error})") from error
    return found


def _prove(found: Description) -> None:
    """Raises KeyError or ValueError where it refers to what it does not say, or beyond a record's end."""
    for place in found.maps.values():
        found.records[place.record]
        found.records[place.key or place.record]
        found.names[place.names or "state"]
    for name, record in found.records.items():
        for part in record.parts.values():
            found.names[part.names or "state"]
            if not 0 <= part.at <= part.at + part.size <= record.size or part.shift + part.bits > 8 * part.size:
                raise ValueError(f"a part of {name} is outside of it")


# ------------------------------------------------------------------------------------------- ours

_FLOW_BITS = {
    "vip": (0, 16, ""),
    "real": (layout.FLOW_REAL_AT, layout.FLOW_REAL_MASK.bit_length(), ""),
    "state": (layout.FLOW_STATE_AT, layout.FLOW_STATE_MASK.bit_length(), "state"),
    "template": (layout.FLOW_TEMPLATE_AT, layout.FLOW_TEMPLATE_MASK.bit_length(), ""),
    "seen": (layout.FLOW_SEEN_AT, layout.FLOW_SEEN_MASK.bit_length(), ""),
}
_FRONTEND_BITS = {
    **{f"service@{half}": (half * HALF_BITS, 12, "") for half in (0, 1)},
    **{f"ranges@{half}": (half * HALF_BITS + 12, 12, "") for half in (0, 1)},
    "vip_number": (2 * HALF_BITS, 16, ""),
}
_VERSION_FLAGS = ("TRACKS_ALL", "HASHES_PORT", "FALLS_BACK", "ONE_PACKET", "UNREACHABLE")
"""Not those that say how contenders are compared: that is computed anew."""
_REAL_FLAGS = ("HAS_MAC", "MOVES", "AVAILABLE", "LOCAL")


def _flags(prefix: str, names: tuple[str, ...]) -> dict[str, tuple[int, int, str]]:
    return {f"flag:{name.lower()}": (getattr(layout, f"{prefix}_{name}").bit_length() - 1, 1, "") for name in names}


_BITS: dict[tuple[str, str], dict[str, tuple[int, int, str]]] = {
    ("flow4", "word"): _FLOW_BITS,
    ("flow6", "word"): _FLOW_BITS,
    ("frontend4", "word"): _FRONTEND_BITS,
    ("frontend6", "word"): _FRONTEND_BITS,
    ("version", "flags"): _flags("VERSION", _VERSION_FLAGS),
    ("version", "scheduler"): {"scheduler": (0, 32, "scheduler")},
    ("real", "flags"): _flags("REAL", _REAL_FLAGS),
    ("range", "service"): {"service": (0, 31, ""), "is_last": (31, 1, "")},
    ("vip", "halves"): {f"is_one@{half}": (half * HALF_BITS, 1, "") for half in (0, 1)},
}
"""Words that say several things: each one's bits, by its name."""
_KEYS = {
    ("flow4", "key"): {"client": (0, 4), "client_port": (4, 2), "vip_port": (6, 2)},
    ("flow6", "key"): {"client": (0, 16), "client_port": (16, 2), "vip_port": (18, 2)},
    ("frontend4", "key"): {"vip": (0, 4), "port": (4, 2), "protocol": (6, 1)},
    ("frontend6", "key"): {"port": (4, 2), "protocol": (6, 1)},
    ("settings", "timeouts"): {f"timeout:{state}": (2 * number, 2) for number, state in enumerate(FLOW_STATES)},
}
"""Fields that are several: each one's bytes."""
_NUMBERS = frozenset({"protocol", *(f"timeout:{state}" for state in FLOW_STATES)})
"""Those of them that are numbers."""
_ALONE = {
    "address4": Record(4, {}),
    "address6": Record(16, {}),
    "service": Record(8, {f"version@{half}": Part(0, 8, half * HALF_BITS, HALF_BITS) for half in (0, 1)}),
    "cursor": Record(8, {"word": Part(0, 8, 0, 64)}),
    "slot": Record(8, {"now": Part(0, 8, 0, 20), "before": Part(0, 8, 20, 20), "tracked": Part(0, 8, 63, 1)}),
    "home": Record(4, {"turn": Part(0, 4, 0, 32)}),
}
"""Records that are no struct."""
MAPS = {
    "settings": Place("settings"),
    "clock": Place("clock"),
    "vips4": Place("vip", "address4"),
    "vips6": Place("vip", "address6"),
    "frontends4": Place("frontend4"),
    "frontends6": Place("frontend6"),
    "ranges": Place("range"),
    "services": Place("service"),
    "cursors": Place("cursor"),
    "versions": Place("version"),
    "members": Place("member"),
    "slots": Place("slot"),
    "reals": Place("real"),
    "limits": Place("limit"),
    "homes": Place("home"),
    "real_counters": Place("real_counter"),
    "handshakes": Place("handshakes"),
    "flows4": Place("flow4"),
    "flows6": Place("flow6"),
    "service_labels": Place("service_label"),
    "vip_labels": Place("vip_label"),
    "real_labels": Place("real_label"),
    "templates": Place("template", "template_key"),
    "reasons": Place("reason_counter", names="reason"),
}
"""What is carried over, or is needed for that."""
FRESH = frozenset(
    {"timers", "way_out", "contenders", "loads", "moves", "fragments", "syncap", "icmp_sent", "description", "handover"}
)
"""Maps that begin anew, or are filled by what is carried over."""


def ours(reasons: tuple[str, ...]) -> Description:
    """This build's layout. `reasons` are those of the program, in its order."""
    names = {"state": FLOW_STATES, "scheduler": tuple(scheduler.value for scheduler in SCHEDULERS), "reason": reasons}
    kept = {name for place in MAPS.values() for name in (place.record, place.key) if name}
    return Description(LAYOUT_VERSION, {name: _record(name) for name in sorted(kept)}, MAPS, names)


@cache
def _record(name: str) -> Record:
    if name in _ALONE:
        return _ALONE[name]
    struct, parts = STRUCTS[name], dict[str, Part]()
    for field in struct._fields_:
        at, size = getattr(struct, field[0]).offset, getattr(struct, field[0]).size
        if bits := _BITS.get((name, field[0])):
            parts |= {part: Part(at, size, *where) for part, where in bits.items()}
        elif key := _KEYS.get((name, field[0])):
            parts |= {
                part: Part(at + start, length, 0, 8 * length if part in _NUMBERS else 0)
                for part, (start, length) in key.items()
            }
        else:
            parts[field[0]] = Part(at, size, 0, 0 if issubclass(field[1], (c.Array, c.Structure)) else 8 * size)
    return Record(c.sizeof(struct), parts)
