"""One segment with a router, a director and one real server, and the questions that tests ask it.

        ════╤═════════════════╤═════════════════╤═════   a bridge, 10.77.0.0/24 and fd77::/64
            │ eth0            │ eth0            │ eth0
         router .254       director .1       real .31
         asks, and         owns the VIPs     is prepared, or not, by the test
         keeps a table     .50 .51 ::50

The director is a plain host that owns the VIPs and answers for them; frames for a VIP are given to the real server as
a director would: with the real server's MAC in front.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import count
from pathlib import Path

from click.testing import CliRunner

from carom.cli.real_server import command
from carom.model import Address
from tests.net.segment import inside

VIP: Address = IPv4Address("10.77.0.50")
VIP2: Address = IPv4Address("10.77.0.51")
VIP6: Address = IPv6Address("fd77::50")
RIP = IPv4Address("10.77.0.31")
ROUTER = IPv4Address("10.77.0.254")
HOSTS = {"router": 254, "director": 1, "real": 31}
PORT = 80
ETH_P_ARP, ETH_P_IPV6 = 0x0806, 0x86DD
_numbers = count()
SECONDS = 10.0
"""Until an answer that has not come counts as none; never waited for where all is well."""


@dataclass(frozen=True)
class Segment:
    """The segment while it stands."""

    prefix: str

    @property
    def router(self) -> str:
        return f"{self.prefix}-router"

    @property
    def director(self) -> str:
        return f"{self.prefix}-director"

    @property
    def real(self) -> str:
        return f"{self.prefix}-real"

    def on(self, node: str, *command: str) -> str:
        """What a command prints that is run in a node's namespace."""
        return _run(_in(node, *command))

    def carom(self, *arguments: str, root: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Runs `carom real-server` on the real server, in this process, where it starts in no time."""
        words = [*arguments, *(("--root", str(root)) if root else ())]
        with inside(self.real):
            done = CliRunner().invoke(command, words, catch_exceptions=False)
        return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr)

    def mac(self, node: str) -> str:
        shown = json.loads(self.on(node, "ip", "-j", "link", "show", "dev", "eth0"))
        return str(shown[0]["address"])

    def owner(self, mac: str) -> str:
        """The node that has a MAC."""
        return next((name for name in HOSTS if self.mac(f"{self.prefix}-{name}") == mac), mac)


@contextmanager
def segment(*vips: Address) -> Iterator[Segment]:
    built = Segment(f"real{os.getpid()}-{next(_numbers)}")
    wire = f"{built.prefix}-wire"
    names = [wire, *(f"{built.prefix}-{name}" for name in HOSTS)]
    try:
        _batch("", [f"netns add {name}" for name in names])
        _batch(wire, ["link add br0 type bridge mcast_snooping 0", "link set br0 up"])
        for name, host in HOSTS.items():
            node = f"{built.prefix}-{name}"
            # Addresses can be used at once, so that two looks at a host differ by what was done to it alone.
            built.on(node, "sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0")
            _batch(wire, [f"link add {name} type veth peer name eth0 netns {node}", f"link set {name} master br0 up"])
            _batch(
                node,
                [
                    "link set lo up",
                    "link set eth0 up",
                    f"address add 10.77.0.{host}/24 dev eth0",
                    f"address add fd77::{host}/64 dev eth0 nodad",
                ],
            )
        _batch(built.real, [f"route add default via {ROUTER}", "route add ::/0 via fd77::254"])
        for vip in vips:
            quiet = "nodad" if vip.version == 6 else ""
            _batch(built.director, [f"address add {vip}/{vip.max_prefixlen} dev eth0 {quiet}"])
        # The router believes every change at once, instead of at most one a second (arp(7), locktime).
        built.on(built.router, "sysctl", "-qw", "net.ipv4.neigh.eth0.locktime=0")
        yield built
    finally:
        for name in names:
            if Path(f"/run/netns/{name}").exists():
                _run(["ip", "netns", "del", name])


def _in(node: str, *command: str) -> list[str]:
    """nsenter, unlike `ip netns exec` and `ip -n`, leaves the mounts alone, and so works in a plain chroot too."""
    return ["nsenter", f"--net=/run/netns/{node}", *command]


def _batch(node: str, lines: list[str]) -> None:
    ip = ["ip", "-batch", "-"]
    _run(_in(node, *ip) if node else ip, "\n".join(lines))


def _run(command: list[str], text: str = "") -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


# ---- who answers for a VIP ----


def resolve(built: Segment, vip: Address, times: int) -> list[frozenset[str]]:
    """Ask the segment for the VIP, as often as wanted; for each time, the nodes that answered.

    Behind every question come two more, for addresses of the director's and of the real server's own. Their answers
    say that everything sent in answer to the first has arrived.
    """
    ask = _ask_arp if vip.version == 4 else _ask_nd
    ends = {str(ip_address(f"10.77.0.{host}" if vip.version == 4 else f"fd77::{host}")) for host in (1, 31)}
    macs = {built.mac(f"{built.prefix}-{name}"): name for name in HOSTS}
    with inside(built.router):
        kind = ETH_P_ARP if vip.version == 4 else ETH_P_IPV6
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(kind))
    with wire:
        wire.bind(("eth0", kind))
        wire.settimeout(SECONDS)
        own = wire.getsockname()[4]
        return [frozenset(macs.get(mac, mac) for mac in _one(wire, ask, own, vip, set(ends))) for _ in range(times)]


def _one(wire: socket.socket, ask: _Ask, own: bytes, vip: Address, ends: set[str]) -> Iterator[str]:
    for target in (str(vip), *sorted(ends)):
        wire.send(ask.frame(own, target))
    while ends:
        found = ask.answer(wire.recv(2048))
        if found is None:
            continue
        target, mac = found
        if target == str(vip):
            yield mac
        ends.discard(target)


@dataclass(frozen=True)
class _Ask:
    """One protocol's question and answer."""

    version: int

    def frame(self, own: bytes, target: str) -> bytes:
        return _who_has(own, target) if self.version == 4 else _solicitation(own, target)

    def answer(self, frame: bytes) -> tuple[str, str] | None:
        """The address and the MAC that claims it; None where the frame is something else."""
        return _arp_answer(frame) if self.version == 4 else _advertisement(frame)


_ask_arp, _ask_nd = _Ask(4), _Ask(6)


def _who_has(own: bytes, target: str) -> bytes:
    """RFC 826."""
    header = b"\xff" * 6 + own + struct.pack("!H", ETH_P_ARP)
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + own + ROUTER.packed + bytes(6) + IPv4Address(target).packed
    return header + body


def _arp_answer(frame: bytes) -> tuple[str, str] | None:
    if frame[20:22] != b"\x00\x02":
        return None
    return str(IPv4Address(frame[28:32])), frame[22:28].hex(":")


def _solicitation(own: bytes, target: str) -> bytes:
    """RFC 4861 section 4.3, to the solicited-node group."""
    wanted, sender = IPv6Address(target).packed, IPv6Address("fd77::254").packed
    group = IPv6Address("ff02::1:ff00:0").packed[:13] + wanted[13:]
    icmp = struct.pack("!BBHI", 135, 0, 0, 0) + wanted + b"\x01\x01" + own
    checked = sender + group + struct.pack("!II", len(icmp), 58) + icmp
    icmp = icmp[:2] + struct.pack("!H", _checksum(checked)) + icmp[4:]
    header = b"\x33\x33" + group[12:] + own + struct.pack("!H", ETH_P_IPV6)
    return header + struct.pack("!IHBB", 6 << 28, len(icmp), 58, 255) + sender + group + icmp


def _advertisement(frame: bytes) -> tuple[str, str] | None:
    if frame[20] != 58 or frame[54] != 136:
        return None
    return str(IPv6Address(frame[62:78])), frame[6:12].hex(":")


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


# ---- what the router believes ----


def believes(built: Segment, vip: Address) -> str:
    """The node that the router's own table has for the VIP."""
    shown = json.loads(built.on(built.router, "ip", "-j", "neigh", "show", str(vip), "dev", "eth0"))
    return built.owner(shown[0]["lladdr"])


def point(built: Segment, vip: Address, node: str, state: str = "reachable") -> None:
    """Write into the router's table who has the VIP; `permanent` for a director that forwards to one real server."""
    mac = built.mac(node)
    built.on(built.router, "ip", "neigh", "replace", str(vip), "lladdr", mac, "dev", "eth0", "nud", state)


def reply_after_the_gateway_was_forgotten(built: Segment, vip: Address) -> None:
    """The real server sends one packet from the VIP to the router, whose MAC it has to ask for again.

    Returns when the packet is there: by then the router has digested the question too.
    """
    with inside(built.router):
        arrived = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with inside(built.real):
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with arrived, sender:
        arrived.bind((str(ROUTER), 0))
        arrived.settimeout(SECONDS)
        sender.bind((str(vip), 0))
        built.on(built.real, "ip", "neigh", "flush", "dev", "eth0")
        sender.sendto(b"a reply", arrived.getsockname())
        assert arrived.recvfrom(64)[1][0] == str(vip)


# ---- requests ----


@contextmanager
def daemon(built: Segment, address: str, text: str, port: int = PORT, *, only_ipv6: bool = False) -> Iterator[None]:
    """A server on the real server that tells its name to everyone who connects."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    both = address == "::" and not only_ipv6
    with inside(built.real):
        listening = socket.create_server((address, port), family=family, backlog=256, dualstack_ipv6=both)

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.sendall(text.encode())

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
        listening.close()


def requests(built: Segment, vip: Address, times: int, port: int = PORT) -> Counter[str]:
    """What the VIP answered to so many fresh connections from the router, whose frames for it go to the real server."""
    point(built, vip, built.real, "permanent")
    answers: Counter[str] = Counter()
    try:
        with inside(built.router):
            for _ in range(times):
                with socket.create_connection((str(vip), port), timeout=SECONDS) as connection:
                    answers[connection.recv(64).decode()] += 1
    finally:
        built.on(built.router, "ip", "neigh", "del", str(vip), "dev", "eth0")
    return answers


# ---- the whole host, before and after ----

_LOOKS = (
    ("ip", "-o", "link"),
    ("ip", "-o", "address"),
    ("ip", "route", "show", "table", "all"),
    ("ip", "-6", "route", "show", "table", "all"),
    ("ip", "rule"),
    ("nft", "-s", "list", "ruleset"),
    ("arptables-legacy", "-n", "-L"),
    ("iptables-legacy", "-t", "nat", "-S"),
    ("ip6tables-legacy", "-t", "nat", "-S"),
)
_COUNTERS = ("nf_conntrack_count",)


def snapshot(built: Segment) -> dict[str, str]:
    """Everything that could differ on the real server: every kernel setting, addresses, routes, rule sets."""
    looks = {" ".join(look): built.on(built.real, *look) for look in _LOOKS}
    with inside(built.real):
        return looks | dict(_settings())


def _settings() -> Iterator[tuple[str, str]]:
    for path in Path("/proc/sys/net").rglob("*"):
        if path.is_file() and path.name not in _COUNTERS:
            try:
                yield str(path), path.read_text(errors="replace")
            except OSError:
                continue  # some can only be written
