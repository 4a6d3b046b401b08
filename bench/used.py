"""What a process and its descendants use: processor time, memory, and the connections begun in this namespace.

    python -S -m bench.used PIDFILE SECONDS

Prints one JSON object. Runs in a guest, where importing more would take a second.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """The process and its descendants."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has just ended
        children.setdefault(parent, []).append(int(stat.parent.name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


def processor_seconds(pids: list[int]) -> float:
    """User and system time."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(each[11]) + int(each[12]) for each in fields) / TICKS


def busy_seconds() -> float:
    """Of this machine's processors, whoever used them; steal, which comes after these, and idle time left out."""
    user, nice, system, _idle, _iowait, irq, softirq = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + softirq) / TICKS


def memory_mib(pids: list[int], kind: str) -> float:
    """`Rss`, or `Pss`, which shares out what they have in common."""
    found = 0
    for pid in pids:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        found += next(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:"))
    return found / 1024


def tcp(name: str) -> int:
    """A counter of /proc/net/snmp."""
    names, values = (line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if line[:4] == "Tcp:")
    return int(values[names.index(name)])


def main() -> None:
    pid, seconds = int(Path(sys.argv[1]).read_text()), float(sys.argv[2])
    pids = family(pid)
    begun, again, since = tcp("ActiveOpens"), tcp("RetransSegs"), time.monotonic()
    spent, busy = processor_seconds(pids), busy_seconds()
    time.sleep(seconds)
    spent, busy = processor_seconds(pids) - spent, busy_seconds() - busy
    took = time.monotonic() - since
    checks = tcp("ActiveOpens") - begun
    found = {
        "seconds": round(took, 2),
        "processes": len(pids),
        "checks_per_second": round(checks / took, 1),
        "retransmitted": tcp("RetransSegs") - again,
        "ticks_of_one_core": round(spent / took, 3),
        "share_of_guest": round(spent / max(busy, 1 / TICKS), 3),
        "rss_mib": round(memory_mib(pids, "Rss"), 1),
        "pss_mib": round(memory_mib(pids, "Pss"), 1),
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
