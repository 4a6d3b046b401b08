"""What checking costs the director: CPU and memory for N TCP checks of VIPs, each by way of its own real server.

    sudo PYTHONPATH=. .venv/bin/python bench/checks.py [--reals 2000] [--every 2] [--seconds 20] [--dead] [--json]

The director and its real servers are two namespaces joined by a veth pair; the second has every RIP on its NIC and
every VIP (one to four real servers) on `lo`, and listens on all of them. Only this process is measured: the listener
never wakes, as the checks reset their connections in the handshake. `--dead` takes the real servers away, so that
every check runs into its timeout and real servers are examined.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from ipaddress import IPv4Address
from pathlib import Path

from carom.checks.checker import Target
from carom.checks.jobs import Job, Probe
from carom.checks.runner import Runner
from carom.checks.tcp import Tcp
from carom.model import Address
from carom.net import viaroute
from carom.outcome import Checked
from tests.net.segment import inside  # run with the project's root on PYTHONPATH

PORT = 80
DIRECTOR, REALS = "bench-director", "bench-reals"
MAC = "02:00:00:00:66:01"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reals", type=int, default=2000)
    parser.add_argument("--every", type=float, default=2.0)
    parser.add_argument("--timeout", type=float, default=1.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--dead", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (16384, 16384))
    try:
        measured = bench(options)
    finally:
        for name in (DIRECTOR, REALS):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
    if options.json:
        sys.stdout.write(json.dumps(measured) + "\n")
    else:
        sys.stdout.writelines(f"{name:>24}  {value}\n" for name, value in measured.items())


def bench(options: argparse.Namespace) -> dict[str, object]:
    paths = [(IPv4Address("10.55.0.1") + n // 4, IPv4Address("10.66.0.2") + n) for n in range(options.reals)]
    build(paths, alive=not options.dead)
    with inside(REALS), socket.socket() as listener:
        listener.bind(("", PORT))
        listener.listen(4096)
        with inside(DIRECTOR):
            return asyncio.run(run(options, paths))


def build(paths: Sequence[tuple[Address, Address]], *, alive: bool) -> None:
    lines = [f"netns add {DIRECTOR}", f"netns add {REALS}"]
    lines += [f"link add eth0 netns {DIRECTOR} type veth peer name eth0 address {MAC} netns {REALS}"]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)
    batch(DIRECTOR, ["link set lo up", "addr add 10.66.255.254/16 dev eth0", "link set eth0 up"])
    # Permanent: 2,000 of the other kind are more than the kernel's table holds (gc_thresh3).
    batch(DIRECTOR, [f"neigh add {real} lladdr {MAC} nud permanent dev eth0" for _, real in paths])
    own = [f"addr add {real}/16 dev eth0" for _, real in paths] if alive else []
    own += [f"addr add {vip}/32 dev lo" for vip in dict.fromkeys(vip for vip, _ in paths)]
    subprocess.run(["ip", "netns", "exec", REALS, "sysctl", "-qw", "net.ipv4.tcp_max_syn_backlog=65536"], check=True)
    batch(REALS, ["link set lo up", "link set eth0 up", *own])


def batch(node: str, lines: list[str]) -> None:
    subprocess.run(["ip", "-n", node, "-batch", "-"], input="\n".join(lines), text=True, check=True)


async def run(options: argparse.Namespace, paths: Sequence[tuple[Address, Address]]) -> dict[str, object]:
    found: Counter[str] = Counter()
    slowest = 0.0

    def report(checked: Checked) -> None:
        nonlocal slowest
        found[checked.diagnosis.verdict if checked.diagnosis else checked.outcome.reason] += 1
        slowest = max(slowest, checked.outcome.seconds)

    began = time.perf_counter()
    marks = viaroute.want(frozenset(paths))
    laid = time.perf_counter() - began
    runner = Runner(report)
    before = memory()
    await runner.want(
        Job("bench", real, Probe(Tcp(), Target(vip, PORT, real, marks[vip, real], options.timeout), options.every))
        for vip, real in paths
    )
    await asyncio.sleep(options.every + 1)  # past the crowd of the first second
    found.clear()
    slowest = 0.0
    skipped, cpu, began = runner.skipped, cpu_seconds(), time.perf_counter()
    await asyncio.sleep(options.seconds)
    took, spent = time.perf_counter() - began, cpu_seconds() - cpu
    measured = {
        "reals": len(paths),
        "every_seconds": options.every,
        "checks_per_second": round(found.total() / took, 1),
        "found": dict(found),
        "skipped": runner.skipped - skipped,
        "cpu_of_one_core": round(spent / took, 4),
        "microseconds_per_check": round(spent / max(1, found.total()) * 1e6, 1),
        "slowest_ms": round(slowest * 1e3, 1),
        "memory_mib": round(memory(), 1),
        "memory_of_the_checks_mib": round(memory() - before, 1),
        "laying_the_ways_seconds": round(laid, 3),
    }
    await runner.close()
    return measured


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def memory() -> float:
    """Resident, MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / (1 << 20)


if __name__ == "__main__":
    main()
