"""End to end: packets per second through a director with one arm, beside the kernel's own ways of sending them on.

                    clients                  director
      generate ──>  bench0  ════ veth ════>  bench1  ──> XDP, or the kernel's network stack
      sink     <──          <══════════════          <──

Everything is on one processor, so a second is shared between the director, the generator and the sink, whose part is
known from the director that only drops. All ways take turns, in random order.
"""

from __future__ import annotations

import ctypes as c
import fcntl
import random
import socket
import statistics
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import cases, live, objects, walk
from bench.cases import BY_NAME, DIRECTOR, ROUTER, VIPS
from bench.stand import enter_private_namespace
from bench.subjects import Director
from carom.cli.table import lines
from carom.dataplane.xdp.libbpf import XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE, Object, Program
from carom.model import Protocol, Scheduler

CLIENTS, INSIDE = "bench0", "bench1"
FLOWS = 1 << 13
PACKETS = 100_000
TURNS = 3
"""Of so many packets, in each round; one more before them makes the flows known and does not count."""
FLOOR, BASELINE = "drop", "kernel forwarding"
REAL, REAL_MAC = "198.51.100.1", "02:00:00:00:04:01"
_SIOCETHTOOL = 0x8946
_ETHTOOL_SGRO = 0x2C


@dataclass(frozen=True, slots=True)
class Way:
    """One way to send packets on."""

    name: str
    program: Program | None = None
    """On the director's device; None: the kernel's network stack."""
    mode: int = XDP_FLAGS_DRV_MODE
    rules: str = ""
    """For nft."""


class Wire:
    """The veth pair, its generator and its sink, in a network namespace of this thread's own."""

    def __init__(self) -> None:
        enter_private_namespace()
        _build()
        object_ = Object(objects.compiled("traffic"))
        object_.load()
        self.sink = object_.program("sink")
        self._generate = object_.program("generate")
        self._ifindex = socket.if_nametoindex(CLIENTS)
        self._link = self.sink.attach_xdp(self._ifindex, XDP_FLAGS_DRV_MODE)
        self._walk = walk.shared(object_.map(".bss"))
        self._counted = c.c_uint64.from_buffer(object_.map(".data.counted").memory())
        self._frame = cases.frame(BY_NAME["udp4_hot"])
        self._walk.scatter(FLOWS)
        self._walk.carry(self._frame, 4)
        self._walk.head[5] = _checksum_sum(self._frame)

    def packets_per_second(self) -> float:
        """Sends one turn's packets; how many of them came out at the end, a second."""
        before, began = self._counted.value, time.perf_counter()
        live.send(self._generate, self._frame, self._ifindex, PACKETS)
        took = time.perf_counter() - began
        return (self._counted.value - before) / took

    @contextmanager
    def director(self, way: Way) -> Iterator[None]:
        """While this lasts, the director's device sends packets on in this way."""
        link = way.program.attach_xdp(socket.if_nametoindex(INSIDE), way.mode) if way.program else None
        _nft(way.rules)
        try:
            yield
        finally:
            _nft("flush ruleset")
            if link is not None:
                link.close()


def measure(rounds: int, say: Callable[[str], None]) -> dict[str, float]:
    """Packets per second of each way, medians."""
    wire = Wire()
    ways = list(_ways(wire.sink))
    turns: dict[str, list[float]] = {way.name: [] for way in ways}
    for number in range(rounds):
        for way in random.sample(ways, len(ways)):
            with wire.director(way):
                wire.packets_per_second()
                turns[way.name] += [wire.packets_per_second() for _ in range(TURNS)]
        say(f"round {number + 1} of {rounds}")
    return {name: round(statistics.median(rates)) for name, rates in turns.items()}


def _ways(sink: Program) -> Iterator[Way]:
    floors = Object(objects.compiled("floors"))
    floors.load()
    vip, port = VIPS[4], cases.PORTS[Protocol.UDP]
    dnat = f"chain c {{ type nat hook prerouting priority dstnat; ip daddr {vip} udp dport {port} dnat to {REAL}\n}}"
    yield Way(FLOOR, sink)
    yield Way("MAC swap", floors.program("floor_swap"))
    for scheduler in (Scheduler.MH, Scheduler.WLC):
        program = Director(scheduler).program(BY_NAME["udp4_hot"])
        yield Way(f"Carom {scheduler}", program)
        yield Way(f"Carom {scheduler}, generic", program, XDP_FLAGS_SKB_MODE)
    yield Way(BASELINE)
    yield Way("nftables DNAT", rules=f"table ip bench {{ {dnat}\n}}")


def text(rates: dict[str, float]) -> Iterator[str]:
    """The report, line by line."""
    rows = [("", "packets/s", "x forwarding", "ns of its own")]
    for name, rate in rates.items():
        own = 1e9 / rate - 1e9 / rates[FLOOR]
        rows.append((name, f"{rate:,.0f}", f"{rate / rates[BASELINE]:.2f}", f"{own:,.0f}"))
    yield f"UDP datagrams of {FLOWS:,} flows, 60 bytes each, in by a veth and out again by the same, on one processor"
    yield from (f"  {line}" for line in lines(rows, frozenset({0})))


# ---- the network ----


def _build() -> None:
    """Both ends, and what the kernel needs to forward to the VIP by its own means."""
    vip = VIPS[4]
    commands = f"""
        link add {CLIENTS} address {ROUTER.hex(":")} type veth peer name {INSIDE} address {DIRECTOR.hex(":")}
        link set lo up
        link set {CLIENTS} up
        link set {INSIDE} up
        addr add 198.51.100.254/24 dev {INSIDE}
        neigh add {REAL} lladdr {REAL_MAC} nud permanent dev {INSIDE}
        route add {vip}/32 via {REAL} dev {INSIDE}
    """
    lines = "\n".join(line.strip() for line in commands.strip().splitlines())
    subprocess.run(["ip", "-batch", "-"], input=lines, text=True, check=True)
    # A frame that leaves by the device it came by is what is wanted here: no redirects to tell the sender better.
    settings = {"ip_forward": 1, "conf/all/rp_filter": 0, "conf/all/send_redirects": 0}
    settings |= {f"conf/{INSIDE}/rp_filter": 0, f"conf/{INSIDE}/send_redirects": 0}
    for name, value in settings.items():
        Path(f"/proc/sys/net/ipv4/{name}").write_text(str(value))
    _receive_in_batches(INSIDE)


def _receive_in_batches(device: str) -> None:
    """What `ethtool -K DEVICE gro on` does: without it a veth that has no XDP program refuses XDP frames."""
    value = c.create_string_buffer(struct.pack("@II", _ETHTOOL_SGRO, 1))
    request = struct.pack("@16sP16x", device.encode(), c.addressof(value))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCETHTOOL, request)


def _nft(rules: str) -> None:
    if rules:
        subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)


def _checksum_sum(frame: bytes) -> int:
    """The sum of the IP header's words, as they lie in memory, without client and checksum."""
    words = struct.unpack("<10H", frame[14:34])
    return sum(word for number, word in enumerate(words) if number not in (5, 6, 7))
