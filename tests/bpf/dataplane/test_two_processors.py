"""Two processors at one flow table: connections come and go on both, one moves and sweeps what the other looks for.

    both       SYN, ACK, RST of some new clients, again and again; the clock goes on, the sweeper sweeps
    one of them     an ACK of each of those who have been connected from the beginning

Whoever is connected stays so, with the same real server, in one place, which is one of his own two buckets; and what is
counted is what stands in the table.
"""

from __future__ import annotations

import os
import threading
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from carom.dataplane.xdp.layout import (
    ALL_FEATURES,
    FEATURE_ANY_ORDER,
    FLOW_REAL_AT,
    FLOW_REAL_MASK,
    FLOW_STATES,
    Clock,
    Settings,
    key,
)
from tests.bpf.dataplane.crowd import ACK, RST, SYN, Clients, Stand, a_plan, reasons
from tests.dataplane.planes import Xdp

BUCKETS = 1 << 8
PLACES = 4 * BUCKETS
REGION = {4: 512, 6: 256}
ROUNDS = int(os.environ.get("CAROM_TWO_PROCESSORS_ROUNDS", "2000"))
MANY, FEW = 64, 16
"""Clients that come at once, on each processor: enough to crowd buckets, and too few to fill two of them by chance."""
LONG, SHORT = 64_000, 1
"""Timeouts, seconds."""
CPUS = sorted(os.sched_getaffinity(0))
WORD = (1 << 64) - 1

pytestmark = pytest.mark.skipif(len(CPUS) < 2, reason="needs two processors")
Key = tuple[int, ...]
"""A flow's key as words, and the number of its VIP."""


@dataclass(frozen=True)
class Entry:
    bucket: int
    real: int


class Table(Stand):
    """The flow table of one family."""

    def entries(self) -> dict[Key, list[Entry]]:
        stride = {4: 2, 6: 4}[self.family]
        words = array("Q", self.xdp.loaded.maps[f"flows{self.family}"].memory()[:])
        found: dict[Key, list[Entry]] = {}
        for at in range(0, len(words), stride):
            *own, word = words[at : at + stride]
            if vip := word & 0xFFFF:
                entry = Entry(at // stride // 4, word >> FLOW_REAL_AT & FLOW_REAL_MASK)
                found.setdefault((*own, vip), []).append(entry)
        return found

    def buckets(self, flow: Key) -> tuple[int, int]:
        """Where a flow may stand, as `bpf/flow.h` has it."""
        *own, vip = flow
        seed = self.settings().seed
        if self.family == 4:
            hash_ = mix((own[0] ^ seed) + vip & WORD)
        else:
            hash_ = mix(mix(own[0] ^ seed) ^ mix(own[1]) ^ (own[2] + vip & WORD))
        first = hash_ & BUCKETS - 1
        return first, first ^ (hash_ >> 32 & REGION[self.family] - 1 & BUCKETS - 1 | 1)

    def settings(self) -> Settings:
        return Settings.from_buffer_copy(self.xdp.loaded.maps["settings"].get(key(0)) or b"")

    def live(self, **seconds: int) -> None:
        """From now on a flow's states last so long."""
        settings = self.settings()
        for state, timeout in seconds.items():
            settings.timeouts[FLOW_STATES.index(state.replace("_", "-"))] = timeout
        self.xdp.loaded.maps["settings"].set(key(0), bytes(settings))

    def tick(self) -> None:
        """The next second, and a sweep, as the timer makes them."""
        clock = self.xdp.loaded.maps["clock"]
        now = Clock.from_buffer_copy(clock.get(key(0)) or b"")
        clock.set(key(0), bytes(Clock(now.seconds + 2 * SHORT, now.swept)))
        self.xdp.loaded.sweep.call()

    def strays(self, cpu: int) -> int:
        """Of what this processor has seen."""
        names = [reason.name for reason in self.xdp.loaded.reasons]
        table = self.xdp.loaded.maps["reasons"]
        value = table.get(key(names.index("stray"))) or b""
        return int.from_bytes(table.per_cpu_values(value)[cpu][:8], "little")

    def moved(self) -> int:
        return int.from_bytes((self.xdp.loaded.maps["moves"].get(key(0)) or b"")[4:8], "little")


def reals(entries: list[Entry]) -> list[int]:
    return [entry.real for entry in entries]


def mix(hash_: int) -> int:
    for _ in range(2):
        hash_ ^= hash_ >> 32
        hash_ = hash_ * 0xD6E8FEB86659FD93 & WORD
    return hash_ ^ hash_ >> 32


@pytest.fixture(params=[(4, 0), (6, 0), (6, FEATURE_ANY_ORDER)], ids=["4", "6", "6, loads in any order"])
def table(request: pytest.FixtureRequest) -> Iterator[Table]:
    family, features = request.param
    xdp = Xdp(BUCKETS, features=ALL_FEATURES | features)
    xdp.apply(a_plan(family))
    xdp.at(1)
    table = Table(xdp, family, Clients(xdp, family), reasons(xdp))
    table.live(established=LONG, syn_recv=LONG, close=SHORT)
    yield table
    xdp.close()


def comes_and_goes(
    table: Table, cpu: int, first: int, at_a_time: int, look: Callable[[Clients], None] = lambda _: None
) -> Callable[[], None]:
    """Clients from this one on, on this processor; `look` is called between them."""
    clients = Clients(table.xdp, table.family)

    def work() -> None:
        os.sched_setaffinity(0, {cpu})
        links = clients.settle()
        for start in range(first, first + ROUNDS * at_a_time, at_a_time):
            for flags in (SYN, ACK, RST):
                clients.send(flags, start, at_a_time)
            table.tick()
            look(clients)
        links.clear()

    return work


def at_once(*works: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)


def test_connections_stay_while_others_come_and_go_and_make_them_move(table: Table) -> None:
    known, astray = PLACES * 8 // 10, Counter[int]()
    table.clients.send(SYN, 0, known)
    table.clients.send(ACK, 0, known)
    before, moves = table.entries(), table.moved()
    connected = len(before)
    assert connected > known * 0.9, "some had to make room in their handshake"

    def look(clients: Clients) -> None:
        strays = table.strays(CPUS[1])
        clients.send(ACK, 0, known)
        astray[table.strays(CPUS[1]) - strays] += 1

    at_once(
        comes_and_goes(table, CPUS[0], 1 << 20, MANY),
        comes_and_goes(table, CPUS[1], 1 << 24, MANY, look),
    )

    after = table.entries()
    assert table.moved() - moves > 100
    assert astray == {known - connected: ROUNDS}, "each was found each time"
    assert {flow: reals(after.get(flow, [])) for flow in before} == {flow: reals(before[flow]) for flow in before}
    assert all(len(entries) == 1 for entries in after.values())
    assert all(entry.bucket in table.buckets(flow) for flow, (entry,) in after.items())
    assert table.loads() == table.census()


def test_nobody_loses_an_entry_where_there_is_room_for_all(table: Table) -> None:
    before = reasons(table.xdp)
    at_once(*(comes_and_goes(table, cpu, (1 + cpu) << 22, FEW) for cpu in CPUS[:2]))
    ended = Counter(reasons(table.xdp))
    ended.subtract(before)
    assert +ended == {"forwarded": 3 * 2 * ROUNDS * FEW}
    assert table.entries() == {}
    assert table.loads() == table.census()
    assert sum(table.new_flows().values()) == 2 * ROUNDS * FEW
