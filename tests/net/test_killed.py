"""What a change leaves behind that was cut off: the old plan or the new one, whole, whenever it was.

The real caromd is asked for a change of several services and is killed: at every stage from the request to the answer,
while it starts, and while it attaches for the first time. What the maps say then is what packets meet until the next
start; that must be one of the two plans, whole. The next start ends with the plan that the store on disk says.

CAROM_KILLS says how often; a run prints at which stages the kills fell.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from carom.client import Client
from carom.config.store import Store
from carom.dataplane.xdp.libbpf import Map
from carom.dataplane.xdp.pins import pinned_maps
from carom.dataplane.xdp.tables import Tables
from carom.errors import UnreachableError
from carom.lab.wait import until
from tests.net.segment import VIP, VIP2, rip, segment
from tests.net.test_daemon import Host

KILLS = int(os.environ.get("CAROM_KILLS", "12"))
MAPS = (
    *(
        "settings",
        "services",
        "versions",
        "members",
        "contenders",
        "slots",
        "ranges",
        "loads",
        "reals",
        "vips4",
        "vips6",
    ),
    *("frontends4", "frontends6", "service_labels", "vip_labels", "real_labels", "real_counters", "limits", "homes"),
    *("cursors", "handshakes", "templates"),
)
SERVICES = 12
"""Of those that change only their weights, so that there is much to write."""
SERVICE = """
[[service]]
name = "{name}"
vip = "{vip}"
ports = ["tcp/{port}"]
scheduler = "{scheduler}"
check = false
reals = [{reals}]
"""

Weights = dict[str, dict[str, int]]
"""Of each service, each real server's weight."""
Plan = tuple[Weights, dict[tuple[str, int], str]]
"""Also which port of which VIP leads to which service."""

OLD: Weights = {
    "web": {str(rip(1)): 1, str(rip(2)): 2},
    "more": {str(rip(2)): 1},
    **{f"mail{number}": {str(rip(1)): 3, str(rip(2)): 3} for number in range(SERVICES)},
}
NEW: Weights = {
    "less": {str(rip(3)): 4},  # comes first, so that nearly every port goes from one service to another
    "web": {str(rip(1)): 5, str(rip(2)): 1, str(rip(3)): 7},
    **{f"mail{number}": {str(rip(1)): 1, str(rip(3)): 2} for number in range(SERVICES)},
}


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A director with three real servers, whose MACs it knows."""
    with segment(reals=3) as lan, bpffs_at(tmp_path / "bpf"):
        for number in (1, 2, 3):
            [link] = json.loads(lan.on(lan.real(number), "ip", "-j", "link", "show", "eth0"))
            neighbour = f"ip neigh replace {rip(number)} lladdr {link['address']} dev eth0 nud permanent"
            lan.on(lan.director, *neighbour.split())
        host = Host(lan, tmp_path)
        yield host
        host.manager.close()


@contextmanager
def bpffs_at(folder: Path) -> Iterator[None]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "bpf", "bpf", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


# ---- plans ----


def _entrance(number: int) -> tuple[str, int]:
    return str(VIP if number % 2 else VIP2), 80 + number


def text(wish: Weights) -> str:
    parts = ['[director]\ninterface = "eth0"\n']
    for number, (name, weights) in enumerate(wish.items()):
        reals = ", ".join(f'{{ address = "{real}", weight = {weight} }}' for real, weight in weights.items())
        (vip, port), scheduler = _entrance(number), "wrr" if number % 2 else "mh"
        parts.append(SERVICE.format(name=name, vip=vip, port=port, scheduler=scheduler, reals=reals))
    return "".join(parts)


def plan(wish: Weights) -> Plan:
    return wish, {_entrance(number): name for number, name in enumerate(wish)}


@contextmanager
def maps_of(host: Host) -> Iterator[dict[str, Map]]:
    maps = pinned_maps(host.pins / "maps", MAPS)
    try:
        yield maps
    finally:
        for map_ in maps.values():
            map_.close()


def in_the_maps(host: Host) -> Plan:
    """What packets meet, as the pinned maps have it; nobody writes them now."""
    with maps_of(host) as maps:
        tables = Tables(maps, time.monotonic)
        reals = {number: str(real) for (_, real), number in tables.reals.numbers.items()}
        services = {number: name for name, number in tables.services.numbers.items()}
        weights = {
            name: {reals[real]: weight for real, weight in published.plan.members if real and weight}
            for name, published in tables._published.items()
        }
        ports = {
            (str(ip_address(place[:4])), int.from_bytes(place[4:6])): services[service]
            for place, service in tables.entrances.items()
        }
        return weights, ports


def told(document: Any) -> Weights:
    """The weights, as status has them; those that leave have none any more."""
    return {
        service["name"]: {real["address"]: real["weight"] for real in service["reals"] if real["weight"]}
        for service in document["services"]
    }


# ---- stages ----


@dataclass
class Trace:
    """What a change leaves behind on its way, as one sees it from outside."""

    host: Host
    maps: dict[str, Map]
    answered: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._memory = {name: self.maps[name].memory() for name in READ}
        self._before = {name: memory[: READ[name]] for name, memory in self._memory.items()}
        self._versions, self._state = self._files(), self._stamp()

    def _files(self) -> set[str]:
        return {entry.name for entry in os.scandir(self.host.state / "versions")}

    def _stamp(self) -> int:
        return (self.host.state / "state.json").stat().st_mtime_ns

    def _changed(self, name: str) -> bool:
        return self._memory[name][: READ[name]] != self._before[name]

    def writing(self) -> bool:
        return self._files() != self._versions

    def laying(self) -> bool:
        return self._changed("members")

    def leading(self) -> bool:
        return self._changed("frontends4")

    def aiming(self) -> bool:
        return self._changed("services")

    def committing(self) -> bool:
        return (self.host.state / ".state.json.new").exists()

    def committed(self) -> bool:
        return self._stamp() != self._state

    def stage(self, wish: Weights) -> str:
        """How far it came."""
        if self.answered.is_set():
            return "7 answered"
        if self.committed():
            return "6 written down, not answered"
        if in_the_maps(self.host) == plan(wish):
            return "5 in the kernel, not written down"
        if self.aiming() or self.leading():
            return "4 half written into the half that nobody reads"
        if self.laying():
            return "3 versions laid aside"
        return "2 stored as a version" if self.writing() else "1 asked for"


READ = {"members": 1 << 12, "frontends4": 1 << 19, "services": 1 << 8}
"""Bytes of each map that are watched."""
AIMS: tuple[Callable[[Trace], bool] | None, ...] = (
    *(None, Trace.laying, Trace.leading, Trace.committed, Trace.writing, Trace.aiming, Trace.leading),
    *(None, Trace.committing, Trace.laying, lambda trace: trace.answered.is_set()),
)
"""What is waited for before the kill; None: nothing, but some time."""


def kill_amid(host: Host, process: subprocess.Popen[str], wish: Weights, chance: random.Random, number: int) -> str:
    """Ask for a change, and kill the daemon amid it; the stage at which that fell."""
    with maps_of(host) as maps:
        trace = Trace(host, maps)

        def ask() -> None:
            with suppress(UnreachableError):
                Client(host.socket, 20).post("/v1/apply", {"text": text(wish)})
                trace.answered.set()

        asking = threading.Thread(target=ask)
        asking.start()
        aim = AIMS[number % len(AIMS)]
        if aim is None:
            trace.answered.wait(chance.uniform(0, 0.05))
        else:
            end = time.monotonic() + 10
            while not aim(trace) and not trace.answered.is_set() and time.monotonic() < end:
                pass  # at once, not a moment later
            if number % 3 == 2:
                trace.answered.wait(chance.uniform(0, 0.002))
        process.send_signal(signal.SIGKILL)
        process.wait()
        asking.join()
        return trace.stage(wish)


def kill_a_start(host: Host, within: float, chance: random.Random) -> str:
    """Begin to start the daemon, and kill it before it is ready."""
    process = subprocess.Popen(
        host.command("-c", str(host.config)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    pinned = host.pins.exists()
    with suppress(subprocess.TimeoutExpired):
        process.wait(chance.uniform(0, within))
    process.kill()
    process.wait()
    return "0 starting" if pinned else "0 attaching for the first time"


def times(pid: int) -> tuple[float, float]:
    """Seconds for which a process's threads have computed, and have waited for a processor (proc(5), schedstat)."""
    each = [Path(f"{task.path}/schedstat").read_text().split() for task in os.scandir(f"/proc/{pid}/task")]
    return sum(int(one[0]) for one in each) / 1e9, sum(int(one[1]) for one in each) / 1e9


# ---- tests ----


@pytest.mark.timeout(60 + 20 * KILLS)
def test_killed_at_any_point_it_is_old_or_new(host: Host) -> None:
    chance = random.Random(KILLS)
    plans = {1: OLD}
    host.config.write_text(text(OLD))
    stages, outcomes, slowest = Counter[str](), Counter[str](), (0.0, 0.0, 0.0)
    running, expected = OLD, OLD
    for number in range(KILLS + 1):
        began = time.monotonic()
        with host.daemon() as process:
            took = time.monotonic() - began
            slowest = max(slowest, (took, *times(process.pid)))
            document = host.status
            assert told(document) == expected, "what the store says, all of it"
            assert document["faults"] == []
            assert in_the_maps(host) == plan(expected)
            history = Client(host.socket).get("/v1/history")
            assert history["versions"][0]["number"] == history["running"], "a version is left that never ran"
            running, wish = expected, NEW if expected is OLD else OLD
            plans[history["running"] + 1] = wish
            plans[history["running"]] = running
            stage = kill_amid(host, process, wish, chance, number)
        stages[stage] += 1
        assert in_the_maps(host) in (plan(running), plan(wish)), f"a mixture, {stage}"
        state = Store(host.state).state()
        assert state
        expected = plans[state.running]
        assert expected is wish or not stage.startswith("7"), "what was answered for is gone"
        outcomes["new" if expected is wish else "old"] += 1
        if number % 4 == 1:
            if number % 8 == 1:
                assert host.run("--detach").returncode == 0
            stages[kill_a_start(host, took, chance)] += 1
            if host.pins.exists() and (host.pins / "maps/frontends4").exists() and number % 8 != 1:
                assert in_the_maps(host) in (plan(running), plan(wish)), "a mixture after a start that was cut off"
    said = "".join(f"\n  {count:4}  {stage}" for stage, count in sorted(stages.items()))
    slow = "{:.1f} s, of them {:.1f} computing and {:.1f} waiting for a processor".format(*slowest)
    sys.stdout.write(f"\nkilled, by stage:{said}\n  ended {dict(outcomes)}; slowest start {slow}\n")
    assert outcomes["old"] > 0 < outcomes["new"], f"all were of one kind, so nothing was cut off: {outcomes}"
    assert len(stages) >= min(6, KILLS // 2), f"the kills are not spread: {stages}"


@pytest.mark.parametrize("when", ["amid it", "after it"])
def test_an_unconfirmed_change_undoes_itself_though_its_client_is_killed(host: Host, when: str) -> None:
    """Nobody is there to confirm it, or to hear that it was made."""
    host.config.write_text(text(OLD))
    with host.daemon(), maps_of(host) as maps:
        trace = Trace(host, maps)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(host.socket))
            body = json.dumps({"text": text(NEW), "confirm_within": 2})
            head = f"POST /v1/apply HTTP/1.1\r\nHost: carom\r\nContent-Length: {len(body)}\r\n\r\n"
            client.sendall((head + body).encode())
            assert until(trace.writing if when == "amid it" else lambda: told(host.status) == NEW, 10)
        assert until(lambda: told(host.status) == NEW, 10), "what was begun is carried out"
        assert until(lambda: host.status["configuration"]["confirm_by"], 10), "with its way back"
        assert until(lambda: told(host.status) == OLD, 10), "the earlier state is back by itself"
        assert until(lambda: host.status["configuration"]["confirm_by"] is None, 10), "and is written down"
        assert in_the_maps(host) == plan(OLD)
        assert host.status["faults"] == []
