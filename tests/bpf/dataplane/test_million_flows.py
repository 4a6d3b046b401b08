"""A million flows come and go, one in ten without a word: every real server's counts are right, to the last flow.

    clients 1 ... 900,000          SYN ── ACK ── FIN ······ over after 120 s in FIN_WAIT
    clients 900,001 ... 1,000,000  SYN ── ACK ············· over after 900 s in ESTABLISHED

The counts are held against the flow table itself, word by word. A new flow that finds its places taken displaces a
half-open one, whose next segment is then one of no known flow; in a table that is half full that is rare.

CAROM_COUNT_FLOWS is how many flows; a million unless it says otherwise.
"""

from __future__ import annotations

import ctypes as c
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from carom.dataplane.xdp.layout import Flow4, Flow6
from carom.dataplane.xdp.libbpf import Map
from tests.bpf.dataplane.crowd import ACK, FIN, RST, SYN, Clients, Stand, a_plan, reasons, words_of
from tests.dataplane.planes import Xdp

FLOWS = int(os.environ.get("CAROM_COUNT_FLOWS", "1000000"))
VANISH = FLOWS // 10
BEGIN = 1000
PLACES = 4
"""In a bucket."""
MOST_BYTES = {4: 16, 6: 32}
"""A flow's entry: what docs/data-plane.md promises. IPv4 may cost 64 at most."""


@pytest.fixture(params=[4, 6])
def stand(request: pytest.FixtureRequest) -> Iterator[Stand]:
    buckets = 1 << (FLOWS * 2 // PLACES - 1).bit_length()
    xdp = Xdp(buckets)
    xdp.apply(a_plan(request.param))
    xdp.at(BEGIN)
    yield Stand(xdp, request.param, Clients(xdp, request.param), reasons(xdp))
    xdp.close()


def test_counts_are_right_to_the_last_flow(stand: Stand) -> None:
    stand.clients.send(SYN, 0, FLOWS)
    assert stand.ended("forwarded") == FLOWS == sum(stand.new_flows().values())
    known, _ = stand.total()
    assert FLOWS * 0.995 < known <= FLOWS
    assert stand.loads() == stand.census()

    stand.clients.send(ACK, 0, FLOWS)
    assert stand.ended("stray") == FLOWS - known, "each flow that was displaced, and no other"
    stand.clients.send(FIN, 0, FLOWS - VANISH)
    strays = stand.ended("stray") - (FLOWS - known)
    assert stand.total() == (known - (FLOWS - VANISH - strays), FLOWS - VANISH - strays)
    assert stand.loads() == stand.census()

    vanished, _ = stand.total()
    stand.xdp.at(BEGIN + 121)
    assert stand.total() == (vanished, 0)
    assert stand.loads() == stand.census()

    stand.xdp.at(BEGIN + 901)
    assert set(stand.loads().values()) == {(0, 0)}
    assert not any(words_of(stand)), "nothing is left"
    assert stand.ended("forwarded") + stand.ended("stray") == 3 * FLOWS - VANISH


def test_counts_are_right_when_two_processors_change_the_same_flows(stand: Stand) -> None:
    """What a client sends may come by two queues at once; who wins a flow's word counts, and nobody else."""
    pair = (stand.clients, Clients(stand.xdp, stand.family))
    flows = FLOWS // 4
    for first, second in ((SYN, SYN), (ACK, SYN), (FIN, ACK), (RST, FIN), (SYN, RST)):
        threads = [
            threading.Thread(target=clients.send, args=(flags, 0, flows))
            for clients, flags in zip(pair, (first, second), strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert stand.loads() == stand.census()
    stand.xdp.at(BEGIN + 901)
    assert stand.total() == (0, 0)


def test_a_full_table_keeps_its_memory_and_the_flows_it_has(stand: Stand) -> None:
    flows = stand.xdp.loaded.maps[f"flows{stand.family}"]
    empty, places = locked_bytes(flows), flows.max_entries * PLACES
    assert c.sizeof({4: Flow4, 6: Flow6}[stand.family]) == MOST_BYTES[stand.family]
    assert empty <= places * MOST_BYTES[stand.family] + (1 << 16)

    stand.clients.send(SYN, 0, FLOWS // 2)
    stand.clients.send(ACK, 0, FLOWS // 2)
    connected, _ = stand.total()
    stand.clients.send(SYN, FLOWS, places)  # a flood of half-open ones, far more than there is room for
    assert locked_bytes(flows) == empty
    assert stand.loads() == stand.census()
    established = sum(word >> 36 & 0x1F == 1 for word in words_of(stand))
    assert established == connected, "none of those who are connected was pushed out"
    assert sum(stand.total()) > places * 0.9, "half-open ones have filled it, and make way for each other"


def locked_bytes(table: Map) -> int:
    """What the kernel says that the map takes (proc_pid_fdinfo(5))."""
    lines = Path(f"/proc/self/fdinfo/{table.fd}").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("memlock:"))
