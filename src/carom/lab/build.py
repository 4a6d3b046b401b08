"""Build the lab's network: namespaces, wires, NICs, addresses, routes, and what native XDP asks of a veth.

Everything is done in a few batches of `ip`, so that a lab stands in well under a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from carom.lab import namespaces, replies, veth
from carom.lab.commands import run
from carom.lab.network import (
    NAMESPACES,
    NODES,
    REALS,
    Nic,
    Node,
    Role,
    Wire,
    gateway_addresses,
)
from carom.model import Address

IPV6 = Path("/proc/net/if_inet6")
"""There where the kernel speaks it."""
BRIDGE = "bridge"
"""The name of the bridge in a wire's namespace."""


def namespace(lab: str, inhabitant: str) -> str:
    """The namespace of a node or wire of a lab."""
    return f"carom-{lab}-{inhabitant}"


def network(lab: str, vips: tuple[Address, ...]) -> None:
    """Build the whole network; the real servers own these VIPs. Raises LabError, a part of it perhaps built."""
    namespaces.create(namespace(lab, inhabitant) for inhabitant in NAMESPACES)
    for inhabitant in NAMESPACES:
        settings = wire_settings() if inhabitant in list(Wire) else node_settings(NODES[inhabitant])
        namespaces.inside(namespace(lab, inhabitant), partial(write_settings, settings))
    _ip(links(lab))
    for wire in Wire:
        namespaces.inside(namespace(lab, wire), partial(_ip, wire_commands(wire)))
    for node in NODES.values():
        namespaces.inside(namespace(lab, node.name), partial(_ip, node_commands(node, vips)))
    segment = namespace(lab, Wire.SEGMENT)
    namespaces.inside(segment, partial(veth.prepare_for_native_xdp, "director"))
    replies.count(segment, vips)


def _ip(commands: Iterable[str]) -> None:
    """Run these `ip` commands. In a thread inside a namespace, that is: `ip -n` mounts things and fails in a chroot."""
    run("ip", "-batch", "-", stdin="".join(f"{command}\n" for command in commands))


def wire_settings() -> dict[str, int]:
    """Kernel settings of a wire's namespace: it carries frames and is no host, so it has nothing to say itself."""
    return {"ipv6/conf/default/disable_ipv6": 1, "ipv6/conf/all/disable_ipv6": 1}


def node_settings(node: Node) -> dict[str, int]:
    """Kernel settings of a node, relative to /proc/sys/net, written before it has any NIC.

    All are spelled out, for a new namespace takes over the IPv4 settings of the machine. Replies reach the client by
    another neighbour than its own packets leave by: no reverse path filter.
    """
    quiet = node.role is Role.REAL
    per_interface = {
        "ipv4/conf/{}/rp_filter": 0,
        "ipv4/conf/{}/arp_ignore": 1 if quiet else 0,
        "ipv4/conf/{}/arp_announce": 2 if quiet else 0,
        "ipv4/conf/{}/forwarding": int(node.forwards),
        "ipv6/conf/{}/forwarding": int(node.forwards),
        "ipv6/conf/{}/accept_ra": 0,
    }
    return {key.format(scope): value for key, value in per_interface.items() for scope in ("all", "default")}


def write_settings(settings: dict[str, int]) -> None:
    """Write them to the calling thread's /proc/sys/net; those of a protocol the kernel lacks (IPv6) are left out."""
    for key, value in settings.items():
        path = Path("/proc/sys/net", key)
        if path.exists():
            path.write_text(str(value))


def links(lab: str) -> Iterator[str]:
    """`ip` commands for the bridges and for every NIC with its port, each made in its namespace."""
    for wire in Wire:
        yield f"link add {BRIDGE} netns {namespace(lab, wire)} type bridge stp_state 0 mcast_snooping 0"
    for node in NODES.values():
        for nic in node.nics:
            here, there = namespace(lab, node.name), namespace(lab, nic.wire)
            yield f"link add {nic.name} netns {here} address {nic.mac} type veth peer name {node.name} netns {there}"


def wire_commands(wire: Wire) -> Iterator[str]:
    """`ip` commands that plug the ports into the bridge."""
    yield f"link set {BRIDGE} up"
    for node in NODES.values():
        if any(nic.wire is wire for nic in node.nics):
            yield f"link set {node.name} master {BRIDGE} up"


def node_commands(node: Node, vips: tuple[Address, ...]) -> Iterator[str]:
    """`ip` commands that give a node its addresses and routes."""
    yield "link set lo up"
    if node in REALS:
        yield from (f"address add {vip} dev lo" for vip in vips if usable(vip))
    for nic in node.nics:
        yield from nic_commands(nic)
    yield from (f"route add default via {address}" for address in gateway_addresses(node) if usable(address))
    if node.role is Role.ROUTER:
        yield from vip_routes(node.nic(Wire.SEGMENT), vips)


def nic_commands(nic: Nic) -> Iterator[str]:
    """`ip` commands that bring up one NIC.

    It sends what it counts: frames of the wire's size, not the 64 kB super-packets that veth would pass on whole.
    """
    for interface in nic.addresses:
        if usable(interface.ip):
            yield f"address add {interface} dev {nic.name}" + (" nodad" if interface.version == 6 else "")
    yield f"link set {nic.name} gso_max_segs 1 up"


def vip_routes(nic: Nic, vips: tuple[Address, ...]) -> Iterator[str]:
    """`ip` commands by which the router finds VIPs from outside the segment's own subnets on the segment."""
    subnets = [interface.network for interface in nic.addresses]
    for vip in vips:
        if usable(vip) and not any(vip in subnet for subnet in subnets):
            yield f"route add {vip} dev {nic.name}"


def usable(address: Address) -> bool:
    """Whether this kernel speaks the address's family: IPv6 can be compiled or switched out."""
    return address.version == 4 or IPV6.exists()
