"""The kernel's neighbour table, on the segment that `tests.net.segment` draws."""

from __future__ import annotations

import asyncio
import json
import logging
import resource
import time
from collections.abc import Awaitable, Callable, Iterator
from ipaddress import ip_address
from typing import Any

import pytest

from carom.errors import NetError
from carom.model import Address
from carom.net import neighbours, rtnetlink
from carom.net.neighbours import KernelNeighbours, release
from tests.net.segment import Segment, inside, rip, rip6, segment

IMPATIENT = (
    "base_reachable_time_ms=300",
    "delay_first_probe_time=1",
    "interval_probe_time_ms=1000",
    "retrans_time_ms=100",
    "ucast_solicit=2",
    "mcast_solicit=2",
)
"""The kernel believes what it learnt for a fraction of its usual half minute."""


@pytest.fixture
def lan() -> Iterator[Segment]:
    with segment(reals=2) as built:
        knobs = [f"net.{family}.neigh.eth0.{knob}" for family in ("ipv4", "ipv6") for knob in IMPATIENT]
        built.on(built.director, "sysctl", "-qw", *knobs)
        yield built


class Ear:
    """What the neighbours told."""

    def __init__(self) -> None:
        self.told: list[tuple[Address, bytes | None]] = []

    def __call__(self, address: Address, mac: bytes | None) -> None:
        self.told.append((address, mac))

    @property
    def known(self) -> dict[Address, bytes | None]:
        return dict(self.told)


def play(lan: Segment, scene: Callable[[KernelNeighbours, Ear], Awaitable[None]], wanted: int = 2) -> None:
    """A scene on the director, watching its real servers."""

    async def bounded() -> None:
        watching, ear = KernelNeighbours("eth0"), Ear()
        try:
            async with asyncio.timeout(60):
                await watching.watch(frozenset(rip(number + 1) for number in range(wanted)), ear)
                await scene(watching, ear)
        finally:
            watching.close()

    with inside(lan.director):
        asyncio.run(bounded())


async def until(condition: Callable[[], object], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


def mac_of(lan: Segment, number: int) -> bytes:
    [link] = json.loads(lan.on(lan.real(number), "ip", "-j", "link", "show", "eth0"))
    return bytes.fromhex(link["address"].replace(":", ""))


def table(lan: Segment) -> dict[str, Any]:
    return {entry["dst"]: entry for entry in json.loads(lan.on(lan.director, "ip", "-j", "neigh", "show"))}


def test_real_servers_of_both_families_are_resolved_and_kept_by_the_kernel(lan: Segment) -> None:
    async def scene(watching: KernelNeighbours, ear: Ear) -> None:
        await watching.watch(frozenset({rip(1), rip(2), rip6(1)}), ear)
        await until(lambda: len(ear.known) == 3)
        assert ear.known == {rip(1): mac_of(lan, 1), rip(2): mac_of(lan, 2), rip6(1): mac_of(lan, 1)}
        entries = table(lan)
        assert {str(rip(1)), str(rip(2)), str(rip6(1))} <= entries.keys()
        assert all("managed" in entry and "extern_learn" in entry for entry in entries.values())

    play(lan, scene)


def test_a_second_daemon_knows_at_once_what_the_first_one_learnt(lan: Segment) -> None:
    async def first(_: KernelNeighbours, ear: Ear) -> None:
        await until(lambda: len(ear.known) == 2)

    async def second(_: KernelNeighbours, ear: Ear) -> None:
        assert len(ear.known) == 2, "before `watch` has returned"

    play(lan, first)
    play(lan, second)


def test_a_real_server_that_falls_silent_is_lost_and_found_again(lan: Segment) -> None:
    async def scene(_: KernelNeighbours, ear: Ear) -> None:
        await until(lambda: len(ear.known) == 2)
        lan.on(lan.real(1), "ip", "link", "set", "eth0", "down")
        await until(lambda: ear.known[rip(1)] is None)
        assert ear.known[rip(2)] == mac_of(lan, 2)
        lan.on(lan.real(1), "ip", "link", "set", "eth0", "up")
        await until(lambda: ear.known[rip(1)] == mac_of(lan, 1))

    play(lan, scene)


def test_a_real_server_that_changes_its_nic_is_followed(lan: Segment) -> None:
    async def scene(_: KernelNeighbours, ear: Ear) -> None:
        await until(lambda: len(ear.known) == 2)
        lan.on(lan.real(1), "ip", "link", "set", "eth0", "address", "02:00:00:00:99:99")
        await until(lambda: ear.known[rip(1)] == bytes.fromhex("020000009999"))

    play(lan, scene)


def test_a_flushed_table_loses_nobody_and_is_filled_again(lan: Segment) -> None:
    async def scene(_: KernelNeighbours, ear: Ear) -> None:
        await until(lambda: len(ear.known) == 2)
        for number in (1, 2):
            lan.on(lan.director, "ip", "neigh", "del", str(rip(number)), "dev", "eth0")
        await until(lambda: sum("lladdr" in entry and "managed" in entry for entry in table(lan).values()) == 2)
        assert None not in dict(ear.told).values()

    play(lan, scene)


def test_while_our_own_nic_is_down_nobody_is_lost_and_afterwards_all_are_asked_for_again(lan: Segment) -> None:
    async def scene(_: KernelNeighbours, ear: Ear) -> None:
        await until(lambda: len(ear.known) == 2)
        lan.on(lan.director, "ip", "link", "set", "eth0", "down")
        await until(lambda: not table(lan))
        lan.on(lan.director, "ip", "link", "set", "eth0", "up")
        await until(lambda: sum("lladdr" in entry and "managed" in entry for entry in table(lan).values()) == 2)
        assert all(mac for _, mac in ear.told)

    play(lan, scene)


def test_an_operators_permanent_entry_is_used_and_left_alone(lan: Segment) -> None:
    lan.on(lan.director, *f"ip neigh add {rip(1)} dev eth0 lladdr 02:00:00:00:00:77 nud permanent".split())

    async def scene(_: KernelNeighbours, ear: Ear) -> None:
        assert ear.known[rip(1)] == bytes.fromhex("020000000077")
        await until(lambda: len(ear.known) == 2)
        assert table(lan)[str(rip(1))]["state"] == ["PERMANENT"]

    play(lan, scene)


def test_lost_news_are_made_up_for(
    lan: Segment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(neighbours, "RECEIVE_BUFFER", 1)  # the kernel rounds up, to room for a few messages
    noise = "\n".join(f"neigh replace 10.77.9.{n} lladdr 02:00:00:00:00:01 dev eth0" for n in range(1, 250))

    async def scene(_: KernelNeighbours, ear: Ear) -> None:
        await until(lambda: len(ear.known) == 2)
        for mac in (b"\x02\0\0\0\0\xaa", b"\x02\0\0\0\0\xbb"):
            change = f"neigh replace {rip(1)} lladdr {mac.hex(':')} nud permanent dev eth0"
            lan.on(lan.director, "sh", "-c", f"echo '{noise}\n{change}\n{noise}' | ip -batch -")
            await until(lambda: ear.told[-1] == (rip(1), mac))  # noqa: B023 - waited for at once
        assert "neighbour news were lost" in caplog.text

    play(lan, scene)


def test_what_we_made_is_released_and_nothing_else(lan: Segment) -> None:
    lan.on(
        lan.director,
        *["ip", "neigh", "add", "10.77.0.200", "dev", "eth0", "lladdr", "02:00:00:00:00:77", "nud", "permanent"],
    )

    async def scene(_: KernelNeighbours, ear: Ear) -> None:
        await until(lambda: len(ear.known) == 2)

    play(lan, scene)
    with inside(lan.director):
        assert release() == 2
        assert release() == 0
    assert table(lan).keys() == {"10.77.0.200"}


def test_a_nic_that_is_not_there_is_named(lan: Segment) -> None:
    async def scene() -> None:
        with pytest.raises(NetError, match=r"there is no NIC eth9 here; there are .*eth0"):
            KernelNeighbours("eth9")

    with inside(lan.director):
        asyncio.run(scene())


def test_ten_thousand_real_servers_do_not_melt_it(lan: Segment) -> None:
    many = frozenset(ip_address("10.77.64.0") + number for number in range(10_000))
    lan.on(lan.director, "ip", "addr", "add", "10.77.255.1/16", "dev", "eth0")

    async def scene(watching: KernelNeighbours, ear: Ear) -> None:
        pauses: list[float] = []
        measuring = asyncio.create_task(measure_pauses(pauses))
        began, spent = time.perf_counter(), resource.getrusage(resource.RUSAGE_THREAD).ru_utime
        await watching.watch(many | {rip(1)}, ear)
        first = time.perf_counter() - began
        await until_entries(lambda count: count >= 10_000)
        await watching.watch(frozenset({rip(1)}), ear)
        await until_entries(lambda count: count < 100)
        spent = resource.getrusage(resource.RUSAGE_THREAD).ru_utime - spent
        measuring.cancel()
        assert first < 1.0
        assert spent < 2.0
        assert sorted(pauses)[-3] < 0.05, "nothing else waits"

    play(lan, scene, wanted=1)


async def until_entries(condition: Callable[[int], bool]) -> None:
    """Until the kernel has that many neighbours; counted in a thread, so as not to take the time that is measured."""
    while not condition(await asyncio.to_thread(entries)):  # noqa: ASYNC110 - the kernel has no event for it
        await asyncio.sleep(0.05)


def entries() -> int:
    return sum(1 for _ in rtnetlink.ask(rtnetlink.dump_neighbours()))


async def measure_pauses(pauses: list[float]) -> None:
    while True:
        before = time.perf_counter()
        await asyncio.sleep(0.001)
        pauses.append(time.perf_counter() - before)
