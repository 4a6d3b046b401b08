"""The flow tables as somebody sees them who looks while the program writes."""

from __future__ import annotations

import mmap
import os
import struct
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from carom.core.flows import Flow, Wanted
from carom.dataplane.xdp import program
from carom.dataplane.xdp.flows import BUCKET_FLOWS, SLICE, FlowTables
from carom.dataplane.xdp.layout import FLOW_STATE_AT, FLOW_STATES, key
from carom.dataplane.xdp.program import Loaded
from carom.dataplane.xdp.tables import Tables
from tests.dataplane import plans
from tests.dataplane.frames import DIRECTOR

NOW = 1000
BUCKETS = 4 * SLICE
MILLION = int(os.environ.get("CAROM_FLOWS", "20000"))
"""Flows to look through; 1,000,000 is what is promised for."""


@pytest.fixture
def loaded() -> Iterator[Loaded]:
    loaded = program.load(DIRECTOR, flow_buckets=max(BUCKETS, 1 << (2 * MILLION // BUCKET_FLOWS).bit_length()))
    loaded.maps["clock"].set(key(0), struct.pack("=IIQ", NOW, 0, 0))
    yield loaded
    loaded.close()


@pytest.fixture
def tables(loaded: Loaded) -> Tables:
    tables = Tables(loaded.maps, lambda: 0.0)
    tables.apply(plans.plan(plans.service()))
    return tables


Put = Callable[[int, int, str], None]


@pytest.fixture
def put(loaded: Loaded, tables: Tables) -> Iterator[Put]:
    """Writes a flow of a client with this number into an entry, in the program's stead."""
    memory = loaded.maps["flows4"].memory()
    vip = tables.vips.numbers[ip_address(plans.VIP), 6]
    real = tables.reals.numbers["web", ip_address(plans.REALS[0])]

    def put(place: int, client: int, state: str) -> None:
        word = vip | real << 16 | FLOW_STATES.index(state) << FLOW_STATE_AT | NOW << 48
        entry = struct.pack("!IHH", 0x0A000000 + client, 1024, 80) + struct.pack("=Q", word)
        memory[place * len(entry) : (place + 1) * len(entry)] = entry

    yield put
    memory.close()


def look(loaded: Loaded, tables: Tables) -> FlowTables:
    return FlowTables(loaded.maps, tables.vips, tables.reals)


def seen(flows: FlowTables, wanted: Wanted, most: int = 100) -> Iterator[Flow]:
    place: int | None = 0
    while place is not None:
        found = flows.flows(wanted, place, most)
        yield from found.flows
        place = found.next


def test_flows_at_the_edges_of_slices_are_seen_once(loaded: Loaded, tables: Tables, put: Put) -> None:
    edge = SLICE * BUCKET_FLOWS
    places = (0, 1, edge - 1, edge, 3 * edge, loaded.maps["flows4"].max_entries * BUCKET_FLOWS - 1)
    for number, place in enumerate(places):
        put(place, number, "established")
    clients = [int(flow.client) & 0xFF for flow in seen(look(loaded, tables), Wanted(), most=2)]
    assert clients == list(range(len(places)))


def test_each_call_looks_at_one_slice(loaded: Loaded, tables: Tables, put: Put) -> None:
    put(2 * SLICE * BUCKET_FLOWS, 1, "established")
    first = look(loaded, tables).flows(Wanted(), 0, 10)
    assert (first.flows, first.next) == ((), SLICE * BUCKET_FLOWS)


def test_an_entry_that_is_being_written_or_of_no_known_vip_is_not_shown(
    loaded: Loaded, tables: Tables, put: Put
) -> None:
    put(0, 1, "established")
    for place, word in ((1, 0x1F << FLOW_STATE_AT), (2, 4000 | 1 << 16 | 1 << FLOW_STATE_AT | NOW << 48)):
        memory = loaded.maps["flows4"].memory()
        memory[place * 16 + 8 : place * 16 + 16] = struct.pack("=Q", word)
        memory.close()
    assert len(list(seen(look(loaded, tables), Wanted()))) == 1


def test_one_that_has_ended_is_not_shown(loaded: Loaded, tables: Tables, put: Put) -> None:
    put(0, 1, "close")
    put(1, 2, "established")
    loaded.maps["clock"].set(key(0), struct.pack("=IIQ", NOW + 11, 0, 0))
    assert [flow.remaining for flow in seen(look(loaded, tables), Wanted())] == [889]


def test_a_window_is_a_part_of_the_table_and_cannot_be_written(loaded: Loaded, put: Put) -> None:
    put(SLICE * BUCKET_FLOWS, 7, "established")
    with loaded.maps["flows4"].window(SLICE, SLICE) as window:
        assert window[:4] == ip_address("10.0.0.7").packed
        assert len(window) == SLICE * 64 <= 64 * mmap.PAGESIZE
        with pytest.raises(TypeError):
            window[0] = 1


def test_many_flows_take_the_memory_of_one_slice(loaded: Loaded, tables: Tables, put: Put) -> None:
    for number in range(MILLION):
        put(2 * number, number, "established" if number % 2 else "syn-recv")
    flows, longest, found, place = look(loaded, tables), 0.0, 0, 0
    before = _resident()
    while True:
        began = time.thread_time()
        count = flows.count_flows(Wanted(state="established"), place)
        longest = max(longest, time.thread_time() - began)
        found += sum(count.states.values())
        if count.next is None:
            break
        place = count.next
    grown = _resident() - before
    assert found == MILLION // 2
    assert longest < 0.5, f"one slice took {longest:.3f} s"
    assert grown < 16 << 20
    network = Wanted(client=ip_network("10.0.0.0/28"))
    assert [int(flow.client) & 15 for flow in seen(flows, network)] == list(range(16))


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE
