"""One Ethernet segment with a director and real servers, each in a namespace: what checks are tested on.

        ════╤══════════════╤══════════════╤═══  a bridge, 10.77.0.0/24 and fd77::/64
            │              │              │
        director .1     real .31       real .32      (as many as asked for)
                        VIP on lo      VIP on lo     .100, .101: of no NIC

A real server is born with the VIPs on `lo` and the ARP problem solved; a test takes away what it wants to miss.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from carom.model import Address

CLONE_NEWNET = 0x40000000
VIP: Address = IPv4Address("10.77.0.100")
VIP2: Address = IPv4Address("10.77.0.101")
VIP6: Address = IPv6Address("fd77::100")
_libc = ctypes.CDLL(None, use_errno=True)


def rip(number: int) -> Address:
    return IPv4Address(f"10.77.0.{30 + number}")


def rip6(number: int) -> Address:
    return IPv6Address(f"fd77::{30 + number}")


@contextmanager
def inside(name: str) -> Iterator[None]:
    """This thread is in the namespace: sockets opened now belong to it, and stay there afterwards."""
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        if _libc.setns(there, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns into {name}")
        yield
    finally:
        _libc.setns(here, CLONE_NEWNET)
        os.close(there)
        os.close(here)


@dataclass
class Segment:
    """The segment while it stands."""

    prefix: str
    servers: ExitStack = field(default_factory=ExitStack)

    @property
    def director(self) -> str:
        return f"{self.prefix}-director"

    @property
    def wire(self) -> str:
        return f"{self.prefix}-wire"

    def real(self, number: int) -> str:
        return f"{self.prefix}-real{number}"

    def on(self, node: str, *command: str) -> str:
        """What a command prints that is run in a node's namespace."""
        return subprocess.run(_inside(node, *command), check=True, capture_output=True, text=True).stdout

    def listener(self, number: int, address: Address, port: int, kind: int = socket.SOCK_STREAM) -> socket.socket:
        """A socket of a real server's, bound and (for TCP) listening; closed with the segment."""
        with inside(self.real(number)):
            family = socket.AF_INET if address.version == 4 else socket.AF_INET6
            sock = self.servers.enter_context(socket.socket(family, kind))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((str(address), port))
        sock.setblocking(False)
        if kind == socket.SOCK_STREAM:
            sock.listen(128)
        return sock

    def filter(self, node: str, rule: str, hook: str = "input", family: str = "inet") -> None:
        """Give a node a packet filter, or one more rule in it."""
        chain = f"chain c {{\ntype filter hook {hook} priority 0\n{rule}\n}}\n"
        self.on(node, "nft", f"table {family} t {{\n{chain}}}\n")


@contextmanager
def segment(reals: int = 1) -> Iterator[Segment]:
    built = Segment(f"checks-{os.getpid()}")
    nodes = [built.director, *(built.real(number) for number in range(1, reals + 1))]
    try:
        _ip(_plan(built.wire, nodes))
        for number in range(1, reals + 1):
            _solve_arp(built.real(number))
        _await_forwarding(built)
        with built.servers:
            yield built
    finally:
        for name in (built.wire, *nodes):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def _plan(wire: str, nodes: list[str]) -> list[str]:
    lines = [f"netns add {name}" for name in (wire, *nodes)]
    lines += [f"-n {wire} link add br0 type bridge", f"-n {wire} link set br0 up"]
    for number, node in enumerate(nodes):
        host = 30 + number if number else 1
        lines += [
            f"-n {wire} link add p{number} type veth peer name eth0 netns {node}",
            f"-n {wire} link set p{number} master br0 up",
            f"-n {node} link set lo up",
            f"-n {node} addr add 10.77.0.{host}/24 dev eth0",
            f"-n {node} addr add fd77::{host}/64 dev eth0 nodad",
            f"-n {node} link set eth0 up",
        ]
    return lines


def _solve_arp(node: str) -> None:
    knobs = [f"net.ipv4.conf.all.{knob}" for knob in ("arp_ignore=1", "arp_announce=2")]
    subprocess.run(_inside(node, "sysctl", "-qw", *knobs, "net.ipv4.ip_forward=0"), check=True)
    _ip([f"-n {node} addr add {address} dev lo" for address in (f"{VIP}/32", f"{VIP2}/32", f"{VIP6}/128 nodad")])


def _await_forwarding(built: Segment) -> None:
    """A bridge forwards a while after its ports are up, and longer on a busy machine."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        links = json.loads(built.on(built.wire, "ip", "-d", "-j", "link"))
        ports = [link["linkinfo"]["info_slave_data"]["state"] for link in links if link.get("master") == "br0"]
        if set(ports) == {"forwarding"}:
            return
    raise TimeoutError(f"the bridge's ports are {ports}")


def _ip(lines: list[str]) -> None:
    """Run these `ip` commands; `-n NODE` as ip(8) has it."""
    for line in lines:
        match line.split():
            case ["-n", node, *words]:
                subprocess.run(_inside(node, "ip", *words), check=True, capture_output=True)
            case words:
                subprocess.run(["ip", *words], check=True, capture_output=True)


def _inside(node: str, *command: str) -> list[str]:
    """The command, in a node's network. `ip -n` and `ip netns exec` mount things too, and fail in a plain chroot."""
    return ["nsenter", f"--net=/run/netns/{node}", "--", *command]
