"""What checking costs caromd, and what the same checks cost keepalived: processor time and memory, in one run.

    sudo ./dev bench keepalived [--services 500] [--every 2] [--seconds 30] [--json]

keepalived checks nobody on a kernel without IPVS, so both run in a User Mode Linux guest (`tests/vm/uml.py`), caromd
first, as it leaves no TIME_WAIT behind, in a namespace on a veth pair. At its other end every real server has an
address of its own, and one process accepts for all of them. That kernel loads no XDP program, so caromd has the oracle
for a data plane (`bench.unplugged`) and is otherwise whole. Each real server is checked by connecting to its own
address (`via = "real"`), which is all that keepalived does. How many checks there were is the kernel's count of
connections.

A guest on a busy machine takes time that it did not get for its programs' own. So processor time is what the host says
the whole guest had, times the program's share of the guest's busy ticks: the rest is the listener's, who wakes for
keepalived only.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from tests.vm.uml import Machine, MachineError, missing  # run with the project's root on PYTHONPATH

ROOT = Path(__file__).parents[1]
OF_EACH = 4
"""Real servers of a service."""
PORT = 80
MEMORY = "768M"
SETTLE = 5
"""Rounds of checks before it is measured: what was late in the crowd of the beginning is made up for."""
BOOT_AND_SETTLE = 180.0
"""Seconds until all real servers are up, at most; a guest on a busy machine is slow."""

STAND = f"""
modprobe -a veth ip_vs ip_vs_wlc && sysctl -qw net.ipv4.neigh.default.gc_thresh1=16384 &&
sysctl -qw net.ipv4.neigh.default.gc_thresh2=16384 net.ipv4.neigh.default.gc_thresh3=16384 &&
ip netns add director && ip netns add reals &&
ip link add eth0 netns director type veth peer name eth0 netns reals &&
ip -n director link set lo up && ip -n director addr add 10.66.255.254/16 dev eth0 &&
ip -n director link set eth0 up && ip -n reals link set lo up && ip -n reals link set eth0 up &&
ip -n reals addr add 10.66.255.253/16 dev eth0 && ip -n reals route add local 10.66.0.0/17 dev lo &&
ip netns exec reals sysctl -qw net.ipv4.tcp_max_syn_backlog=65536 net.core.somaxconn=65536 &&
cd {ROOT} && (setsid ip netns exec reals {sys.executable} -S -c '
import socket
ear = socket.create_server(("", {PORT}), backlog=65535)
while True:
    ear.accept()[0].close()
' </dev/null >/run/share/listener 2>&1 &)
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is checked, how often (seconds), and for how long it is measured."""

    services: int
    every: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Program:
    """One of the two: how it is started in the guest, and what prints how many real servers it has found well."""

    name: str
    start: str
    well: str


def members(service: int) -> tuple[IPv4Address, list[IPv4Address]]:
    """A service's VIP and its real servers."""
    first = IPv4Address("10.66.0.2") + service * OF_EACH
    return IPv4Address("10.66.128.1") + service, [first + place for place in range(OF_EACH)]


def carom_toml(size: Size) -> str:
    """What caromd is told."""
    parts = ['[director]\ninterface = "eth0"\nwatch = 0\n']
    for service in range(size.services):
        vip, reals = members(service)
        each = ", ".join(f'"{real}"' for real in reals)
        check = f'{{ kind = "tcp", via = "real", every = {size.every}, timeout = 1 }}'
        parts.append(
            f'[[service]]\nname = "s{service}"\nvip = "{vip}"\nports = ["tcp/{PORT}"]\n'
            f"check = {check}\nreals = [{each}]\n"
        )
    return "\n".join(parts)


def keepalived_conf(size: Size) -> str:
    """What keepalived is told: the same."""
    parts = ["global_defs {\n  checker_log_all_failures\n}\n"]
    for service in range(size.services):
        vip, reals = members(service)
        check = f"TCP_CHECK {{\n connect_port {PORT}\n connect_timeout 1\n }}"
        each = "\n".join(f"real_server {real} {PORT} {{\n weight 1\n {check}\n}}" for real in reals)
        parts.append(
            f"virtual_server {vip} {PORT} {{\n delay_loop {size.every}\n lb_algo wlc\n lb_kind DR\n protocol TCP\n"
            f" alpha\n{each}\n}}\n"
        )
    return "".join(parts)


CAROM = Program(
    "caromd",
    f"{sys.executable} -B -m bench.unplugged --config /run/share/carom.toml"
    " --socket /run/carom.sock --pins /sys/fs/bpf/carom --state /run/carom-state",
    'curl -s --unix-socket /run/carom.sock http://carom/v1/status | grep -o \'"state": *"up"\' | wc -l',
)
KEEPALIVED = Program(
    "keepalived",
    "keepalived --dont-fork --log-console --check --use-file /run/share/keepalived.conf",
    "ip netns exec director grep -c Route /proc/net/ip_vs",
)


def measured(machine: Machine, program: Program, size: Size) -> dict[str, Any]:
    """Start it, wait until every real server is up, measure, end it."""
    pid, reals = f"/run/bench-{program.name}.pid", size.services * OF_EACH
    log = f"/run/share/{program.name}.log"
    start = f"setsid ip netns exec director {program.start} </dev/null >{log} 2>&1 & echo $! >{pid}"
    machine.check(f"cd {ROOT} && {{ {start}; }}")
    alive = f"kill -0 $(cat {pid}) || exit 1"
    wait = (
        f"for _ in $(seq 60); do {alive}; n=$({program.well}); [ $n = {reals} ] && exit; sleep 1; done; echo $n; exit 1"
    )
    result = machine.run(wait, seconds=BOOT_AND_SETTLE)
    if result.status:
        said = (machine.share / f"{program.name}.log").read_text()[-2000:]
        raise MachineError(f"{program.name} found {result.stdout.strip()} of {reals} up: {said}{result.stderr}")
    machine.check(f"sleep {SETTLE * size.every}")
    before, since = host_seconds(machine), time.monotonic()
    line = f"cd {ROOT} && ip netns exec director {sys.executable} -S -m bench.used {pid} {size.seconds}"
    found: dict[str, Any] = json.loads(machine.check(line, seconds=size.seconds + 60.0))
    whole = (host_seconds(machine) - before) / (time.monotonic() - since)
    found["cpu_of_one_core"] = round(whole * found["share_of_guest"], 3)
    found["microseconds_per_check"] = round(1e6 * whole * found["share_of_guest"] / found["checks_per_second"])
    found["guest_of_one_core"] = round(whole, 3)
    found["well"] = int(machine.check(program.well))
    machine.check(f"kill $(cat {pid}); sleep 2")
    return found


def absent() -> str | None:
    """What has to be installed first; None where nothing."""
    return missing() or (None if shutil.which("keepalived") else "needs keepalived: apt-get install keepalived")


def host_seconds(machine: Machine) -> float:
    """Processor time of the guest's processes on the host, a session of their own, and of those that have ended."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == machine.pid:
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def run(size: Size) -> dict[str, Any]:
    """Both, in one guest."""
    with Machine(memory=MEMORY) as machine:
        (machine.share / "carom.toml").write_text(carom_toml(size))
        (machine.share / "keepalived.conf").write_text(keepalived_conf(size))
        machine.check(STAND)
        found = {program.name: measured(machine, program, size) for program in (CAROM, KEEPALIVED)}
    return {"reals": size.services * OF_EACH, "every_seconds": size.every, **found}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./dev bench keepalived", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--services", type=int, default=500, help=f"of {OF_EACH} real servers each")
    parser.add_argument("--every", type=int, default=2, help="seconds from one check of a real server to the next")
    parser.add_argument("--seconds", type=int, default=30, help="for which each is measured")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else on stdout")
    options = parser.parse_args()
    if reason := absent():
        parser.error(reason)
    found = run(Size(options.services, options.every, options.seconds))
    sys.stdout.write(json.dumps(found) + "\n" if options.json else "".join(f"{n:>18}  {v}\n" for n, v in found.items()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
