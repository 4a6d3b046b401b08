"""`carom flows` of a director with many flows: all of them, in bounded memory, while the daemon answers everybody else.

CAROM_FLOWS says how many; a million takes half a minute. `pytest -s` shows what it took.
"""

from __future__ import annotations

import json
import os
import re
import select
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from carom.dataplane.xdp import libbpf
from carom.dataplane.xdp.layout import FLOW_STATE_AT, FLOW_STATES, Clock, key
from carom.dataplane.xdp.libbpf import Map
from carom.lab.veth import prepare_for_native_xdp
from tests.net.segment import VIP, inside, rip, segment
from tests.net.test_daemon import Host

FLOWS = int(os.environ.get("CAROM_FLOWS", "20000"))
"""At most what the default table has room for: 1,048,576."""
GROWTH = 24 << 20
"""Bytes that the daemon may grow by while somebody looks: a slice, and some pages under way."""


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with segment(reals=3) as lan:
        host = Host(lan, tmp_path)
        host.bpffs.mkdir()
        subprocess.run(["mount", "-t", "bpf", "bpf", host.bpffs], check=True)
        try:
            yield host
        finally:
            host.manager.close()
            subprocess.run(["umount", host.bpffs], check=True)


def fill(pins: Path) -> None:
    """Writes so many flows into the running director's table, in the program's stead."""
    table, clock = (Map(libbpf.open_pinned(pins / "maps" / name, "map")) for name in ("flows4", "clock"))
    now = Clock.from_buffer_copy(clock.get(key(0)) or b"").seconds & 0xFFFF
    word = 1 | 1 << 16 | FLOW_STATES.index("established") << FLOW_STATE_AT | now << 48
    memory = table.memory()
    for number in range(FLOWS):
        struct.pack_into("!IHH", memory, 16 * number, 0x0A000000 + number, 1024, 80)
        struct.pack_into("=Q", memory, 16 * number + 8, word)
    memory.close()
    table.close()
    clock.close()


def memory_of(pid: int, what: str) -> int:
    found = re.search(rf"{what}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) << 10


def carom(host: Host, *arguments: str, out: Path) -> float:
    """Runs `carom`, and says how long that took."""
    began = time.monotonic()
    command = [sys.executable, "-m", "carom", *arguments, "--socket", str(host.socket)]
    with out.open("w") as file:
        subprocess.run(command, stdout=file, check=True)
    return time.monotonic() - began


class Asker:
    """Somebody else, who asks for the status all the while."""

    def __init__(self, host: Host) -> None:
        self._host, self._stop, self.longest, self.asked = host, threading.Event(), 0.0, 0
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Asker:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._stop.wait(0.02):
            began = time.monotonic()
            assert self._host.status["flows"]["capacity"] >= FLOWS
            self.longest, self.asked = max(self.longest, time.monotonic() - began), self.asked + 1


def test_many_flows_are_listed_in_bounded_memory(host: Host, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("all.json", "count.json", "few.json")]
    with host.daemon() as daemon:
        fill(host.pins)
        carom(host, "flows", "--limit", "1", out=files[0])
        before = memory_of(daemon.pid, "VmHWM")
        with Asker(host) as asker:
            listing = carom(host, "flows", "--json", out=files[0])
            counting = carom(host, "flows", "--count", "--json", out=files[1])
            seeking = carom(host, "flows", "--json", "--client", "10.0.0.0/30", out=files[2])
        peak = memory_of(daemon.pid, "VmHWM")
    host.run("--detach")
    sys.stdout.write(
        f"\n{FLOWS:,} flows: listed in {listing:.1f} s, counted in {counting:.1f} s, four of them found in "
        f"{seeking:.1f} s; the daemon's memory at most {peak >> 20} MiB ({before >> 20} before); "
        f"{asker.asked} other answers, the slowest after {1000 * asker.longest:.0f} ms\n"
    )
    everyone, count, few = (json.loads(file.read_text()) for file in files)
    clients = {flow["client"] for flow in everyone["flows"]}
    assert clients == {f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(FLOWS)}
    assert len(everyone["flows"]) == count["count"] == FLOWS
    assert len(few["flows"]) == 4
    assert peak - before < GROWTH
    assert asker.asked > 5
    assert asker.longest < 1.0


def test_what_is_explained_is_where_a_client_gets(host: Host) -> None:
    """The third host is the client."""
    client = host.lan.real(3)
    host.lan.on(client, "ip", "addr", "del", f"{VIP}/32", "dev", "lo")
    with inside(host.lan.wire):
        prepare_for_native_xdp("p0")
    listeners = {str(rip(number)): host.lan.listener(number, VIP, 80) for number in (1, 2)}
    with host.daemon():
        for port in range(41000, 41006):
            [line] = explained(host, f"{rip(3)}:{port}", "--json")
            found = json.loads(line)
            assert (found["verdict"], found["step"]) == ("forwarded", "scheduled")
            with inside(client):
                connection = socket.create_connection((str(VIP), 80), 10, (str(rip(3)), port))
            with connection, _accepted(listeners[found["real"]]):
                [line] = explained(host, f"{rip(3)}:{port}", "--json")
                again = json.loads(line)
                assert (again["step"], again["real"]) == ("flow", found["real"])
            assert again["mac"] == found["mac"]
        assert explained(host, f"{rip(3)}:9")[-2].startswith(f"to {rip(2)} (")
    host.run("--detach")


def explained(host: Host, client: str, *more: str) -> list[str]:
    command = [sys.executable, "-m", "carom", "explain", "--from", client, "--to", f"{VIP}:80/tcp", *more]
    done = subprocess.run([*command, "--socket", str(host.socket)], check=True, capture_output=True, text=True)
    return [json.dumps(json.loads(done.stdout))] if more else done.stdout.splitlines()


def _accepted(listener: socket.socket) -> socket.socket:
    """The connection that has come to this real server, and to no other."""
    assert select.select([listener], [], [], 10)[0]
    return listener.accept()[0]
