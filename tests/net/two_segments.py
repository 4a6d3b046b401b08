"""A director with a NIC on either of two segments, and all that a request and its reply meet.

        client .10
            │
    ════╤═══╧══════════════════════════════╤════  far      203.0.113.0/24  fd03::/64
        │                                  │
     router .1                             │
        │                                  │
    ════╧═════╤═════                       │      outside  198.51.100.0/24  fd98::/64
              │ eth0                       │
        director .10                       │      VIPs .100, ::100: of no NIC
              │ eth1                       │
    ══════════╧════╤══════════════╤════════╧════  inside   10.77.0.0/24  fd77::/64
                   │              │        │
               real1 .31      real2 .32  gateway .2
               VIPs on lo     VIPs on lo

A request goes client, router, eth0, eth1, real server; its reply goes real server, gateway, client.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from carom.lab import namespaces, veth

VIP, VIP6 = "198.51.100.100", "fd98::100"
WIRES = {"far": ("203.0.113.", "fd03::"), "outside": ("198.51.100.", "fd98::"), "inside": ("10.77.0.", "fd77::")}
NICS = (
    ("client", "eth0", "far", 10),
    ("router", "eth0", "far", 1),
    ("router", "eth1", "outside", 1),
    ("director", "eth0", "outside", 10),
    ("director", "eth1", "inside", 10),
    ("real1", "eth0", "inside", 31),
    ("real2", "eth0", "inside", 32),
    ("gateway", "eth0", "far", 2),
    ("gateway", "eth1", "inside", 2),
)
"""Node, its NIC, the wire that is on, and the node's number there."""
NODES = tuple(dict.fromkeys(node for node, *_ in NICS))
REALS = ("real1", "real2")
HOME = {"client": ("far", 1), "director": ("outside", 1), "real1": ("inside", 2), "real2": ("inside", 2)}
"""The wire and number of each node's default gateway."""
MACS = {"eth0": "02:00:00:00:98:10", "eth1": "02:00:00:00:77:10"}
"""The director's."""


@dataclass(frozen=True)
class Network:
    """The network while it stands."""

    prefix: str

    def namespace(self, node: str) -> str:
        return f"{self.prefix}-{node}"

    def command(self, node: str, *command: str) -> list[str]:
        return ["nsenter", f"--net=/run/netns/{self.namespace(node)}", "--", *command]

    def on(self, node: str, *command: str) -> str:
        """What a command prints on a node; it must succeed."""
        done = subprocess.run(self.command(node, *command), check=True, capture_output=True, text=True, timeout=30)
        return done.stdout


@contextmanager
def network() -> Iterator[Network]:
    built = Network(f"two-{os.getpid()}")
    try:
        namespaces.create(built.namespace(name) for name in (*WIRES, *NODES))
        _lay_wires(built)
        for node in NODES:
            _settle(built, node)
        for nic in ("eth0", "eth1"):
            wire = "outside" if nic == "eth0" else "inside"
            namespaces.inside(built.namespace(wire), lambda nic=nic: veth.prepare_for_native_xdp(f"director-{nic}"))  # type: ignore[misc]
        yield built
    finally:
        namespaces.delete(built.namespace(name) for name in (*WIRES, *NODES))


def _lay_wires(built: Network) -> None:
    for wire in WIRES:
        built.on(wire, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        built.on(wire, "ip", "link", "add", "bridge", "type", "bridge", "stp_state", "0", "mcast_snooping", "0")
        built.on(wire, "ip", "link", "set", "bridge", "up")
    for node, nic, wire, _ in NICS:
        there, port = built.namespace(node), f"{node}-{nic}"
        built.on(wire, "ip", "link", "add", port, "type", "veth", "peer", "name", nic, "netns", there)
        built.on(wire, "ip", "link", "set", port, "master", "bridge", "up")


def _settle(built: Network, node: str) -> None:
    forwards = int(node in ("router", "gateway"))
    settings = [f"net.ipv{v}.conf.{scope}.forwarding={forwards}" for v in (4, 6) for scope in ("all", "default")]
    settings += [f"net.ipv4.conf.{scope}.rp_filter=0" for scope in ("all", "default")]
    if node in REALS:
        settings += ["net.ipv4.conf.all.arp_ignore=1", "net.ipv4.conf.all.arp_announce=2"]
    built.on(node, "sysctl", "-qw", *settings)
    built.on(node, "ip", "link", "set", "lo", "up")
    for vip in (f"{VIP}/32", f"{VIP6}/128") if node in REALS else ():
        built.on(node, "ip", "address", "add", vip, "dev", "lo")
    for owner, nic, wire, host in NICS:
        if owner == node:
            v4, v6 = WIRES[wire]
            mac = ["address", MACS[nic]] if node == "director" else []
            built.on(node, "ip", "link", "set", nic, *mac, "gso_max_segs", "1", "up")
            built.on(node, "ip", "address", "add", f"{v4}{host}/24", "dev", nic)
            built.on(node, "ip", "address", "add", f"{v6}{host}/64", "dev", nic, "nodad")
    if node in HOME:
        wire, host = HOME[node]
        for prefix in WIRES[wire]:
            built.on(node, "ip", "route", "add", "default", "via", f"{prefix}{host}")
