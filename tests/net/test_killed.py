"""What a change leaves behind that was cut off: the old state or the new one, whole, whenever it was.

The real caromd carries out a change of three services and is killed at random points of it. What the maps say then is
what packets see until the next start; what the next start says is what counts. CAROM_KILLS says how often.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from carom.client import Client
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
        "slots",
        "ranges",
        "loads",
        "reals",
        "vips4",
        "vips6",
        "templates",
    ),
    *("frontends4", "frontends6", "service_labels", "vip_labels", "real_labels", "real_counters", "limits", "homes"),
    *("cursors", "handshakes", "templates"),
)
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

OLD: Weights = {
    "web": {str(rip(1)): 1, str(rip(2)): 2},
    "mail": {str(rip(1)): 3, str(rip(2)): 3},
    "more": {str(rip(2)): 1},
}
NEW: Weights = {
    "web": {str(rip(1)): 5, str(rip(2)): 1, str(rip(3)): 7},
    "mail": {str(rip(1)): 1, str(rip(3)): 2},
    "less": {str(rip(3)): 4},
}


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A director with three real servers."""
    with segment(reals=3) as lan, bpffs_at(tmp_path / "bpf"):
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


def text(wish: Weights) -> str:
    parts = ['[director]\ninterface = "eth0"\n']
    for number, (name, weights) in enumerate(wish.items()):
        reals = ", ".join(f'{{ address = "{real}", weight = {weight} }}' for real, weight in weights.items())
        vip, scheduler = (VIP, "wrr") if number % 2 else (VIP2, "mh")
        parts.append(SERVICE.format(name=name, vip=vip, port=80 + number, scheduler=scheduler, reals=reals))
    return "".join(parts)


def in_the_maps(pins: Path) -> Weights:
    """What packets see, as the pinned maps have it; nobody writes them now."""
    maps = pinned_maps(pins / "maps", MAPS)
    try:
        tables = Tables(maps, time.monotonic)
        names = {number: str(real) for (_, real), number in tables.reals.numbers.items()}
        return {
            name: {names[real]: weight for real, weight in published.plan.members if real and weight}
            for name, published in tables._published.items()
        }
    finally:
        for map_ in maps.values():
            map_.close()


def told(document: Any) -> Weights:
    """The same, as status has it; those that leave have no weight any more."""
    return {
        service["name"]: {real["address"]: real["weight"] for real in service["reals"] if real["weight"]}
        for service in document["services"]
    }


def kill_amid(host: Host, process: subprocess.Popen[str], wish: Weights, after: float) -> bool:
    """Kill the daemon so many seconds after it is asked for a change; whether it has answered before."""
    answered = threading.Event()

    def ask() -> None:
        with suppress(UnreachableError):
            Client(host.socket, 20).post("/v1/apply", {"text": text(wish)})
            answered.set()

    asking = threading.Thread(target=ask)
    asking.start()
    answered.wait(after)  # any moment will do: that is what is tried
    done = answered.is_set()
    process.send_signal(signal.SIGKILL)
    process.wait()
    asking.join()
    return done


@pytest.mark.timeout(60 + 40 * KILLS)
def test_killed_at_any_point_of_a_change_it_is_old_or_new(host: Host) -> None:
    chance = random.Random(76)
    host.config.write_text(text(OLD))
    with host.daemon():
        client, began = Client(host.socket, 20), time.monotonic()
        for wish in (NEW, OLD):
            client.post("/v1/apply", {"text": text(wish)})
        longest = (time.monotonic() - began) / 2
    running, found = OLD, {"old": 0, "new": 0}
    for _ in range(KILLS):
        wish = NEW if running is OLD else OLD
        with host.daemon() as process:
            assert told(host.status) == running
            before = in_the_maps(host.pins)
            done = kill_amid(host, process, wish, chance.uniform(0, 2 * longest))
        seen = in_the_maps(host.pins)
        with host.daemon():
            document = host.status
            assert document["faults"] == []
            now = told(document)
            assert now in (OLD, NEW), "a mixture"
            assert now == wish or not done, "what was answered for is gone"
            history = Client(host.socket).get("/v1/history")
            assert history["versions"][0]["number"] == history["running"], "a version is left that never ran"
            after = in_the_maps(host.pins)
        for name in before.keys() | after.keys() | seen.keys():
            assert seen.get(name) in (before.get(name), wish.get(name), after.get(name)), name
        found["new" if now == wish else "old"] += 1
        longest *= 0.8 if now == wish else 1.4  # a busy machine takes longer: about half of them shall be in time
        running = now
    assert found["old"] > 0 < found["new"], f"all were of one kind, so nothing was cut off: {found}"


def test_an_unconfirmed_change_undoes_itself_though_its_client_is_killed(host: Host) -> None:
    host.config.write_text(text(OLD))
    with host.daemon():
        file = host.config.with_name("new.toml")
        file.write_text(text(NEW))
        command = [sys.executable, "-m", "carom", "apply", str(file), "--confirm-within", "3"]
        with subprocess.Popen([*command, "--socket", str(host.socket)], stdout=subprocess.DEVNULL) as client:
            assert until(lambda: told(host.status) == NEW, 10)
            client.kill()
        assert until(lambda: told(host.status) == OLD, 10), "the earlier state is back by itself"
        assert until(lambda: host.status["configuration"]["confirm_by"] is None, 10), "and is written down"
        assert in_the_maps(host.pins) == OLD
        assert host.status["faults"] == []
