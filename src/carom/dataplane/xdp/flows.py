"""The flow tables, read by somebody who looks: a slice at a time, out of mapped memory.

A *place* numbers every entry of both tables: those of `flows4`, then those of `flows6`. A slice is SLICE buckets of one
table. It is mapped, copied and let go again, so a look takes as much memory as a slice does however large the tables
are, and as long as it takes to see as many words.

The program writes meanwhile and nobody waits: a word is seen whole, and an entry that is to be shown is looked at
twice, so that its key and its word are of the same flow.
"""

from __future__ import annotations

import ctypes as c
import struct
from collections import Counter as Tally
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from carom.core.flows import Flow, Wanted
from carom.dataplane.xdp.labels import Labels, RealLabels
from carom.dataplane.xdp.layout import (
    FLOW_NAMES_MASK,
    FLOW_REAL_AT,
    FLOW_REAL_MASK,
    FLOW_SEEN_AT,
    FLOW_SEEN_MASK,
    FLOW_STATE_AT,
    FLOW_STATE_MASK,
    FLOW_STATES,
    FLOW_TEMPLATE_AT,
    FLOW_TEMPLATE_MASK,
    FLOW_VIP_MASK,
    Clock,
    Flow4,
    Flow6,
    Settings,
    key,
)
from carom.dataplane.xdp.libbpf import Map
from carom.model import Address, Protocol
from carom.ports import FlowCount, FlowSlice

SLICE = 4096
"""Buckets. 16,384 entries: some milliseconds to look through, 256 or 512 kB to copy."""
BUCKET_FLOWS = 4
_PROTOCOLS = {protocol.number: protocol for protocol in Protocol}

Ends = tuple[Address, int, int]
"""A client's address and port, and the VIP's port."""


def _ends4(entry: bytes) -> Ends:
    client, port, vip_port = struct.unpack_from("!IHH", entry)
    return IPv4Address(client), port, vip_port


def _ends6(entry: bytes) -> Ends:
    client, port, vip_port = struct.unpack_from("!16sHH", entry)
    return IPv6Address(client), port, vip_port


@dataclass(frozen=True, slots=True)
class _Kind:
    """One of the two tables."""

    name: str
    flow: type[c.Structure]
    ends: Callable[[bytes], Ends]

    @property
    def version(self) -> int:
        return 4 if self.flow is Flow4 else 6


_KINDS = (_Kind("flows4", Flow4, _ends4), _Kind("flows6", Flow6, _ends6))


@dataclass(frozen=True, slots=True)
class _Slice:
    """One slice of one table."""

    kind: _Kind
    first: int
    """Its first bucket."""
    buckets: int
    base: int
    """The place of its first entry."""
    next: int | None
    """The place behind its last one; None: no table goes on there."""


class FlowTables:
    """Both tables of one data plane. It keeps nothing: make one for a look."""

    def __init__(self, maps: dict[str, Map], vips: Labels[tuple[Address, int]], reals: RealLabels) -> None:
        self._maps, self._vips, self._reals = maps, vips, reals
        self._timeouts = list(Settings.from_buffer_copy(maps["settings"].get(key(0)) or b"").timeouts)

    def flows(self, wanted: Wanted, place: int, most: int) -> FlowSlice:
        """As `carom.ports.DataPlane` has it."""
        slice_, found = self._slice(place), list[Flow]()
        if slice_ is None:
            return FlowSlice()
        for at, flow in self._found(wanted, slice_, place):
            found.append(flow)
            if len(found) == most:
                return FlowSlice(tuple(found), at + 1)
        return FlowSlice(tuple(found), slice_.next)

    def count_flows(self, wanted: Wanted, place: int) -> FlowCount:
        """As `carom.ports.DataPlane` has it."""
        slice_ = self._slice(place)
        if slice_ is None:
            return FlowCount()
        if wanted.client is not None:  # a word does not say whose it is
            states = Tally(flow.state for _, flow in self._found(wanted, slice_, place))
        else:
            copy, now = self._copy(slice_)
            words = self._words(slice_.kind, copy)[place - slice_.base :]
            numbers = Tally(word >> FLOW_STATE_AT & FLOW_STATE_MASK for _, word in self._chosen(wanted, words, now))
            states = Tally({FLOW_STATES[number]: count for number, count in numbers.items()})
        return FlowCount(dict(states), slice_.next)

    # ------------------------------------------------------------------------------- slices

    def _slice(self, place: int) -> _Slice | None:
        """The slice in which a place lies; None: the tables end before it."""
        base = 0
        for kind in _KINDS:
            buckets = self._maps[kind.name].max_entries
            end = base + buckets * BUCKET_FLOWS
            if place < end:
                first = (place - base) // BUCKET_FLOWS // SLICE * SLICE
                count = min(SLICE, buckets - first)
                after = base + (first + count) * BUCKET_FLOWS
                last = kind is _KINDS[-1] and after == end
                return _Slice(kind, first, count, base + first * BUCKET_FLOWS, None if last else after)
            base = end
        return None

    def _copy(self, slice_: _Slice) -> tuple[bytes, int]:
        """A slice, and the clock: it is read after it, so that no flow is of the future."""
        with self._maps[slice_.kind.name].window(slice_.first, slice_.buckets) as window:
            copy = bytes(window)
        return copy, int(Clock.from_buffer_copy(self._maps["clock"].get(key(0)) or b"").seconds)

    @staticmethod
    def _words(kind: _Kind, copy: bytes) -> list[int]:
        step = c.sizeof(kind.flow) // 8
        return memoryview(copy).cast("Q")[step - 1 :: step].tolist()

    def _found(self, wanted: Wanted, slice_: _Slice, place: int) -> Iterator[tuple[int, Flow]]:
        """What is wanted of a slice, from a place on, and where it stands."""
        kind, start = slice_.kind, place - slice_.base
        if wanted.client is not None and wanted.client.version != kind.version:
            return
        copy, now = self._copy(slice_)
        again, _ = self._copy(slice_)
        words, words_again = self._words(kind, copy), self._words(kind, again)
        size, network = c.sizeof(kind.flow), wanted.client
        mask, masked = (int(network.netmask), int(network.network_address)) if network else (0, 0)
        for number, word in self._chosen(wanted, words[start:], now):
            number += start
            ends = kind.ends(copy[number * size : number * size + size - 8])
            if int(ends[0]) & mask != masked or (word ^ words_again[number]) & FLOW_NAMES_MASK:
                continue
            if (flow := self._flow(ends, word, now)) is not None:
                yield slice_.base + number, flow

    # ------------------------------------------------------------------------------- words

    def _chosen(self, wanted: Wanted, words: list[int], now: int) -> Iterator[tuple[int, int]]:
        """The words that are flows which live and are wanted, with their numbers. Here is where the time goes."""
        timeouts, idle_least = self._timeouts, wanted.idle
        state_wanted = FLOW_STATES.index(wanted.state) if wanted.state else None
        vips, reals = self._vips_of(wanted), self._reals_of(wanted)
        for number, word in enumerate(words):
            if not word & FLOW_VIP_MASK:  # free, or being written
                continue
            state = word >> FLOW_STATE_AT & FLOW_STATE_MASK
            idle = (now - (word >> FLOW_SEEN_AT)) & FLOW_SEEN_MASK
            if idle > timeouts[state] or idle < idle_least:
                continue
            if state_wanted is not None and state != state_wanted:
                continue
            if vips is not None and word & FLOW_VIP_MASK not in vips:
                continue
            if reals is not None and word >> FLOW_REAL_AT & FLOW_REAL_MASK not in reals:
                continue
            yield number, word

    def _vips_of(self, wanted: Wanted) -> set[int] | None:
        if wanted.vip is None and wanted.protocol is None:
            return None
        number = wanted.protocol.number if wanted.protocol else None
        return {
            found
            for (vip, protocol), found in self._vips.numbers.items()
            if wanted.vip in (None, vip) and number in (None, protocol)
        }

    def _reals_of(self, wanted: Wanted) -> set[int] | None:
        if wanted.service is None and wanted.real is None:
            return None
        return {
            found
            for (service, real), found in self._reals.numbers.items()
            if wanted.service in (None, service) and wanted.real in (None, real)
        }

    def _flow(self, ends: Ends, word: int, now: int) -> Flow | None:
        """None: its VIP is none that is known."""
        state = word >> FLOW_STATE_AT & FLOW_STATE_MASK
        idle = (now - (word >> FLOW_SEEN_AT)) & FLOW_SEEN_MASK
        vip, protocol = self._vips.things.get(word & FLOW_VIP_MASK, (None, 0))
        if vip is None:
            return None
        service, real = self._reals.things.get(word >> FLOW_REAL_AT & FLOW_REAL_MASK, ("", None))
        return Flow(
            *(ends[0], ends[1], vip, ends[2], _PROTOCOLS[protocol]),
            *(service, real, FLOW_STATES[state], idle, self._timeouts[state] - idle),
            persistent=bool(word >> FLOW_TEMPLATE_AT & FLOW_TEMPLATE_MASK),
        )
