"""An apply of a very large configuration: time, memory, how long the daemon answers nobody, and what packets notice.

    sudo ./dev bench apply [--services 1000] [--reals 100] [--checked] [--json]

         bench-apply-p                            bench-apply-d
    10.0.0.0/8 is all its own (every real    veth    caromd: 10.255.255.254
    server, every VIP); asks the first VIP ───────── with the first service, then all of them, other
    500 times a second                               weights, and the first service alone again

Every real server has an address of its own, which answers ARP. The daemon is the real one, with a beat in its event
loop (`bench.watched`). A packet that is asked and not answered, or late, is counted.

What it says of each step: the longest time for which the event loop answered nobody, and what that consisted of: for
how long its thread was ready but no processor was free, which is the machine's doing, and the processor time of that
thread and of the whole process. Then the longest pause without what no processor was free for, the longest collection
of garbage, and the longest time for which a process that does nothing had to wait beside all this.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, NamedTuple

from carom.client import Client
from carom.dataplane.xdp.program import mac_of
from carom.lab import namespaces, veth, wait

DIRECTOR, PEER = "bench-apply-d", "bench-apply-p"
NIC = "eth0"
OWN, CLIENT = IPv4Address("10.255.255.254"), IPv4Address("192.0.2.1")
PORT = 7000
ASK_EVERY = 0.002
"""Seconds between two packets."""
LATE = 0.05
"""Seconds from which on a packet counts as late; the machine's other work delays some."""
SETTLED = 1.5
"""Seconds from one change to the next: what is replaced rests for one."""


def vip(service: int) -> IPv4Address:
    return IPv4Address("10.254.0.0") + 1 + service


CHECKED = '{ kind = "icmp", via = "real", every = "60s" }'
"""How real servers are checked, if they are."""


def text(services: int, reals: int, weight: int = 1, check: str = "false") -> str:
    """A configuration in which no two real servers have the same address."""
    parts = [f'[director]\ninterface = "{NIC}"\nwatch = 0\n']
    for service in range(services):
        first = IPv4Address("10.0.0.0") + 1 + service * reals
        each = ", ".join(f'{{ address = "{first + place}", weight = {weight} }}' for place in range(reals))
        parts.append(
            f'[[service]]\nname = "s{service}"\nvip = "{vip(service)}"\nports = ["udp/{PORT}"]\n'
            f"check = {check}\nreals = [{each}]\n"
        )
    return "\n".join(parts)


@contextmanager
def stand() -> Iterator[None]:
    """The drawing above."""
    commands = [f"netns add {DIRECTOR}", f"netns add {PEER}"]
    commands.append(f"link add {NIC} netns {DIRECTOR} type veth peer name {NIC} netns {PEER}")
    try:
        _batch([], commands)
        _batch(["-n", DIRECTOR], ["link set lo up", f"addr add {OWN}/8 dev {NIC}", f"link set {NIC} up"])
        _batch(
            ["-n", PEER],
            [
                *("link set lo up", f"link set {NIC} up", "route add local 10.0.0.0/8 dev lo"),
                *(f"route add {OWN}/32 dev {NIC} src 10.0.0.1", f"route add {CLIENT}/32 dev {NIC}"),
            ],
        )
        namespaces.inside(PEER, partial(veth.prepare_for_native_xdp, NIC))
        yield
    finally:
        for name in (DIRECTOR, PEER):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def _batch(options: list[str], lines: list[str]) -> None:
    subprocess.run(["ip", *options, "-batch", "-"], input="\n".join(lines), text=True, check=True)


@dataclass(frozen=True, slots=True)
class Files:
    """What the daemon works with."""

    folder: Path

    @property
    def socket(self) -> Path:
        return self.folder / "carom.sock"

    @property
    def pauses(self) -> Path:
        """The daemon's."""
        return self.folder / "pauses"

    @property
    def waits(self) -> Path:
        """Those of a process that does nothing."""
        return self.folder / "waits"

    def arguments(self) -> list[str]:
        return [
            *("--config", str(self.folder / "carom.toml"), "--socket", str(self.socket)),
            *("--pins", str(self.folder / "bpf/carom"), "--state", str(self.folder / "state")),
        ]


@contextmanager
def daemon(files: Files) -> Iterator[subprocess.Popen[bytes]]:
    """The watched caromd, ready."""
    command = ["nsenter", f"--net=/run/netns/{DIRECTOR}", sys.executable, "-m", "bench.watched"]
    with (files.folder / "caromd.log").open("wb") as log:
        process = subprocess.Popen([*command, str(files.pauses), *files.arguments()], stdout=log, stderr=log)
        try:
            if not wait.until(lambda: process.poll() is not None or _answers(files.socket), 120):
                raise SystemExit("caromd does not answer")
            if process.poll() is not None:
                raise SystemExit(f"caromd has ended: {(files.folder / 'caromd.log').read_text()[-2000:]}")
            yield process
        finally:
            process.terminate()
            try:
                process.wait(60)
            finally:
                process.kill()


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


class Asker:
    """A client that sends to the first VIP, and the real servers, which count what arrives."""

    def __init__(self) -> None:
        self._raw = namespaces.inside(PEER, partial(socket.socket, socket.AF_PACKET, socket.SOCK_RAW))
        namespaces.inside(PEER, partial(self._raw.bind, (NIC, 0)))
        self._heard = namespaces.inside(PEER, partial(socket.socket, socket.AF_INET, socket.SOCK_DGRAM))
        self._heard.bind((str(vip(0)), PORT))
        self._heard.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._heard.settimeout(0.5)
        self._stop = threading.Event()
        self.sent = self.arrived = self.late = 0
        self.slowest = 0.0
        self._threads = [threading.Thread(target=self._send), threading.Thread(target=self._receive)]
        for thread in self._threads:
            thread.start()

    def _send(self) -> None:
        """Each packet is a flow of its own, and carries its time."""
        mac = namespaces.inside(DIRECTOR, partial(mac_of, NIC))
        while not self._stop.wait(ASK_EVERY):
            source = 1024 + self.sent % 60000
            udp = struct.pack("!HHHHd", source, PORT, 16, 0, time.monotonic())
            ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 36, 0, 0, 64, 17, 0, CLIENT.packed, vip(0).packed)
            total = sum(struct.unpack("!10H", ip))
            total = (total & 0xFFFF) + (total >> 16)
            ip = ip[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + ip[12:]
            self._raw.send(mac + bytes(6) + b"\x08\x00" + ip + udp)
            self.sent += 1

    def _receive(self) -> None:
        while True:
            try:
                data = self._heard.recv(64)
            except TimeoutError:
                if self._stop.is_set():
                    return
                continue
            took = time.monotonic() - struct.unpack("!d", data)[0]
            self.arrived += 1
            self.late += took > LATE
            self.slowest = max(self.slowest, took)

    def __enter__(self) -> Asker:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._raw.close()
        self._heard.close()

    def found(self) -> dict[str, Any]:
        lost = self.sent - self.arrived
        return {"packets": self.sent, "packets_lost": lost, "packets_late": self.late} | {
            "slowest_packet_ms": _ms(self.slowest)
        }


@contextmanager
def idler(files: Files) -> Iterator[None]:
    """Beside the daemon, a process that does nothing but beat."""
    process = subprocess.Popen([sys.executable, "-m", "bench.watched", str(files.waits)])
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


class Pause(NamedTuple):
    """A time for which a loop answered nobody. Seconds."""

    due: float
    late: float
    queued: float
    """For which no processor was free."""
    own: float
    """Processor time of the loop's thread."""
    process: float
    """Processor time of all threads."""
    collection: float
    """Of the longest collection of garbage."""


def pauses(path: Path, began: float, ended: float) -> list[Pause]:
    """Those of this time, the longest first."""
    found = [Pause(*map(float, line.split())) for line in path.read_text().splitlines()]
    within = (one for one in found if one.due + one.late >= began and one.due <= ended)
    return sorted(within, key=lambda one: one.late, reverse=True)


def memory(pid: int) -> dict[str, float]:
    """MiB, now and at most."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {"rss_mib": int(lines["VmRSS"].split()[0]) // 1024, "peak_mib": int(lines["VmHWM"].split()[0]) // 1024}


def run(services: int, reals: int, say: Callable[[str], None], check: str = "false") -> dict[str, Any]:
    """All of it: what each step took, and what packets noticed."""
    steps: dict[str, Any] = {}
    wanted = {
        "apply": text(services, reals, check=check),
        "weights": text(services, reals, 2, check),
        "back": text(1, reals, check=check),
    }
    with tempfile.TemporaryDirectory() as name, stand():
        files = Files(Path(name))
        (files.folder / "carom.toml").write_text(wanted["back"])
        bpf = files.folder / "bpf"
        bpf.mkdir()
        subprocess.run(["mount", "-t", "bpf", "bpf", bpf], check=True)
        try:
            with daemon(files) as process, idler(files):
                client = Client(files.socket, 120)
                with Asker() as asker:
                    for step, wish in wanted.items():
                        time.sleep(SETTLED)
                        say(step)
                        steps[step] = _step(files, process.pid, partial(client.post, "/v1/apply", {"text": wish}))
                packets = asker.found()
        finally:
            subprocess.run(["umount", "-l", bpf], check=True)
            if "CAROM_WATCH_STACKS" in os.environ:
                say(files.pauses.read_text())
                say((files.folder / "caromd.log").read_text())
    return {"services": services, "reals": services * reals, **steps, **packets}


def _step(files: Files, pid: int, work: Callable[[], Any]) -> dict[str, Any]:
    began = time.monotonic()
    work()
    took = time.monotonic() - began
    time.sleep(0.5)  # what follows from it belongs to it
    ended = time.monotonic()
    found, waits = pauses(files.pauses, began, ended), pauses(files.waits, began, ended)
    longest = found[0] if found else Pause(*[0.0] * 6)
    return {
        "seconds": round(took, 2),
        "longest_pause_ms": _ms(longest.late),
        "its_queueing_ms": _ms(longest.queued),
        "its_loop_cpu_ms": _ms(longest.own),
        "its_process_cpu_ms": _ms(longest.process),
        "longest_unqueued_ms": _ms(max((one.late - one.queued for one in found), default=0.0)),
        "longest_collection_ms": _ms(max((one.collection for one in found), default=0.0)),
        "pauses_over_20_ms": sum(one.late > 0.02 for one in found),
        "longest_idle_wait_ms": _ms(waits[0].late if waits else 0.0),
        **memory(pid),
    }


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 1)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./dev bench apply", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--services", type=int, default=1000)
    parser.add_argument("--reals", type=int, default=100, help="of each service")
    parser.add_argument("--checked", action="store_true", help="have each real server checked, by a ping a minute")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else on stdout")
    options = parser.parse_args()
    check = CHECKED if options.checked else "false"
    found = run(options.services, options.reals, lambda words: print(f"bench: {words}", file=sys.stderr), check)  # noqa: T201
    sys.stdout.write(json.dumps(found) + "\n" if options.json else "".join(f"{n:>18}  {v}\n" for n, v in found.items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
