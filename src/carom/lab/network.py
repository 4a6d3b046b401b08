"""The lab's network, as data: which nodes there are, where they sit, how they reach each other.

                                      client .10
                                          │
        ══════════╤═══════════════════════╧═════╤═══════════════════╤═════  internet  203.0.113.0/24
                  │                             │                   │
              router .1                    gateway1 .2         gateway2 .3
                  │                             │                   │
        ════╤═════╧═════════════╤═══════════════╧═══╤═══════════════╧═══╤═  segment  192.168.76.0/22
            │                   │                   │                   │
       director .10        real1 .31           real2 .32           real3 .33
                           home by gateway1    home by gateway1    home by gateway2
                           VIP on lo           VIP on lo           VIP on lo

A request goes client, router, director, real server; its reply goes real server, gateway, client. The client has
one NIC and takes the reply from whichever neighbour brings it, as a host on the Internet does.

The VIP is an address of no NIC: the director's data plane answers for it on the segment, and the real servers own it
on `lo`, where `arp_ignore` and `arp_announce` keep it to themselves. IPv6 runs beside IPv4 with the same host numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_interface

from carom.model import Address

Interface = IPv4Interface | IPv6Interface

VIP = IPv4Address("192.168.76.24")
"""The chapter's VIP."""
VIP6 = IPv6Address("fd00:76::24")
"""Its IPv6 twin: the real servers have it too, so that a configuration may use it."""


class Wire(StrEnum):
    """An Ethernet segment: a bridge in a namespace of its own, with one port per NIC, named after the NIC's node."""

    INTERNET = "internet"
    SEGMENT = "segment"


class Role(StrEnum):
    """What a node is there for."""

    CLIENT = "client"
    ROUTER = "router"
    DIRECTOR = "director"
    REAL = "real server"
    GATEWAY = "gateway"


_PREFIXES = {
    Wire.INTERNET: ("203.0.113.{}/24", "fd00:113::{}/64", "02:00:00:00:01:{:02d}"),
    Wire.SEGMENT: ("192.168.76.{}/22", "fd00:76::{}/64", "02:00:00:00:76:{:02d}"),
}


@dataclass(frozen=True, slots=True)
class Nic:
    """A node's place on a wire; `host` is its number there, in both address families and in its MAC."""

    name: str
    wire: Wire
    host: int

    @property
    def addresses(self) -> tuple[Interface, Interface]:
        """Its IPv4 address and its IPv6 address, each with its prefix."""
        v4, v6, _ = _PREFIXES[self.wire]
        return ip_interface(v4.format(self.host)), ip_interface(v6.format(self.host))

    @property
    def mac(self) -> str:
        """A locally administered MAC whose last byte reads as the host number: `02:00:00:00:76:31` is .31's."""
        return _PREFIXES[self.wire][2].format(self.host)


@dataclass(frozen=True, slots=True)
class Node:
    """One host of the lab: a network namespace with its NICs."""

    name: str
    role: Role
    nics: tuple[Nic, ...]
    home: str | None = None
    """The node its default routes go by; None: it knows its own wires only."""

    @property
    def forwards(self) -> bool:
        return self.role in (Role.ROUTER, Role.GATEWAY)

    def nic(self, wire: Wire) -> Nic:
        return next(nic for nic in self.nics if nic.wire is wire)


def _between(name: str, role: Role, host: int) -> Node:
    """A node with a foot on either wire; its NICs are named after them."""
    return Node(name, role, (Nic("internet", Wire.INTERNET, host), Nic("segment", Wire.SEGMENT, host)))


def _on_segment(name: str, role: Role, host: int, home: str) -> Node:
    return Node(name, role, (Nic("eth0", Wire.SEGMENT, host),), home)


NODES: dict[str, Node] = {
    node.name: node
    for node in (
        Node("client", Role.CLIENT, (Nic("eth0", Wire.INTERNET, 10),), home="router"),
        _between("router", Role.ROUTER, 1),
        _on_segment("director", Role.DIRECTOR, 10, home="router"),
        _on_segment("real1", Role.REAL, 31, home="gateway1"),
        _on_segment("real2", Role.REAL, 32, home="gateway1"),
        _on_segment("real3", Role.REAL, 33, home="gateway2"),
        _between("gateway1", Role.GATEWAY, 2),
        _between("gateway2", Role.GATEWAY, 3),
    )
}
"""Every node, by its name, in the order in which a request and its reply meet them."""

REALS = tuple(node for node in NODES.values() if node.role is Role.REAL)
GATEWAYS = tuple(node for node in NODES.values() if node.role is Role.GATEWAY)
NAMESPACES = (*(str(wire) for wire in Wire), *NODES)
"""Every namespace of a lab: the two wires and the nodes."""


def shared_wire(one: Node, other: Node) -> Wire:
    """The wire on which both have a NIC."""
    return next(nic.wire for nic in one.nics if nic.wire in {other_nic.wire for other_nic in other.nics})


def gateway_addresses(node: Node) -> tuple[Address, ...]:
    """What the node's default routes name: its home's IPv4 and IPv6 address on the wire they share."""
    if node.home is None:
        return ()
    home = NODES[node.home]
    return tuple(interface.ip for interface in home.nic(shared_wire(node, home)).addresses)


def node_with_mac(mac: str) -> str | None:
    """The name of the node whose NIC has this MAC; None: no node's."""
    return next((node.name for node in NODES.values() for nic in node.nics if nic.mac == mac), None)


def node_with_address(address: Address) -> str | None:
    """The name of the node one of whose NICs has this address; None: no node's."""
    return next(
        (
            node.name
            for node in NODES.values()
            for nic in node.nics
            if address in (interface.ip for interface in nic.addresses)
        ),
        None,
    )
