"""Changes under traffic: a service with 100 real servers changes again and again while another processor sends packets.

Each packet must see the whole of one state. So each new connection goes where one of the two states sends it, each
known one stays where it is, and none is lost.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import pytest

from carom.core.plan import Plan, RealPlan
from carom.dataplane.xdp import program
from carom.dataplane.xdp.layout import TIMEOUTS, Clock, key
from carom.dataplane.xdp.libbpf import XDP_TX
from carom.dataplane.xdp.program import Loaded
from carom.dataplane.xdp.tables import Tables
from carom.model import Scheduler
from tests.dataplane import frames, plans
from tests.dataplane.frames import DIRECTOR

REALS = 100
CLIENTS = 400
SECONDS = float(os.environ.get("CAROM_CHANGE_SECONDS", "2"))
CHANGES_A_SECOND = 50


@pytest.fixture(scope="module")
def loaded() -> Iterator[Loaded]:
    loaded = program.load(DIRECTOR, flow_buckets=1 << 12)
    yield loaded
    loaded.close()


@pytest.fixture
def tables(loaded: Loaded) -> Iterator[Tables]:
    tables = Tables(loaded.maps, time.monotonic)
    yield tables
    tables.apply(Plan())
    end_all_flows(loaded)


def a_state(scheduler: Scheduler, half: int) -> Plan:
    """Half of the real servers are up: those with even numbers, or those with odd ones."""
    return plans.plan(
        plans.service(
            scheduler,
            *(
                RealPlan(ip_address("10.77.0.0") + n, 1, bytes((2, 0, 0, 7, 0, n)), up=n % 2 == half)
                for n in range(REALS)
            ),
        )
    )


def frame(client: int, flags: str, port: int = 1024) -> bytes:
    return frames.tcp(f"10.1.{client >> 8}.{client & 255}:{port}", f"{plans.VIP}:80", flags)


def send(loaded: Loaded, packet: bytes) -> bytes:
    verdict, after, _ = loaded.director.run(packet)
    assert verdict == XDP_TX, "lost"
    return after[:6]


def end_all_flows(loaded: Loaded) -> None:
    clock = Clock.from_buffer_copy(loaded.maps["clock"].get(key(0)) or b"")
    clock.seconds += max(TIMEOUTS.values()) + 2
    loaded.maps["clock"].set(key(0), bytes(clock))
    loaded.sweep.call()


@contextmanager
def changing(tables: Tables, states: tuple[Plan, Plan]) -> Iterator[list[float]]:
    """Applies the states in turn, as often as promised; when each was applied."""
    applied: list[float] = []
    done = threading.Event()

    def change() -> None:
        begun = time.monotonic()
        while not done.wait(max(0.0, begun + len(applied) / CHANGES_A_SECOND - time.monotonic())):
            tables.apply(states[len(applied) % 2])
            applied.append(time.monotonic())

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield applied
    finally:
        done.set()
        thread.join()


def until(seconds: float) -> Iterator[int]:
    end, turn = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        yield turn
        turn += 1


def test_a_new_connection_goes_where_one_of_the_states_has_it(loaded: Loaded, tables: Tables) -> None:
    states = a_state(Scheduler.MH, 0), a_state(Scheduler.MH, 1)
    homes: list[set[bytes]] = [set() for _ in range(CLIENTS)]
    for state in states:
        tables.apply(state)
        for client, home in enumerate(homes):
            home.add(send(loaded, frame(client, "S")))
    assert all(len(home) == 2 for home in homes), "the states differ for everybody"

    seen: list[set[bytes]] = [set() for _ in range(CLIENTS)]
    with changing(tables, states) as applied:
        for turn in until(SECONDS):
            for client in range(CLIENTS):
                seen[client].add(send(loaded, frame(client, "S", 5000 + turn % 50_000)))
    assert all(home <= wanted for home, wanted in zip(seen, homes, strict=True)), "a mixture of two states"
    assert sum(len(home) == 2 for home in seen) > CLIENTS / 2, "both states were met"
    assert len(applied) > SECONDS * CHANGES_A_SECOND / 4, "a busy machine is slower, but not this slow"


@pytest.mark.parametrize("scheduler", [Scheduler.MH, Scheduler.WLC])
def test_a_known_connection_stays_where_it_is(loaded: Loaded, tables: Tables, scheduler: Scheduler) -> None:
    states = a_state(scheduler, 0), a_state(scheduler, 1)
    tables.apply(states[0])
    homes = [send(loaded, frame(client, "S")) for client in range(CLIENTS)]
    with changing(tables, states):
        for _ in until(SECONDS):
            assert [send(loaded, frame(client, "A")) for client in range(CLIENTS)] == homes
