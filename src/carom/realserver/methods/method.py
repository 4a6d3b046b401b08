"""A method: one cure of the ARP problem, with the words that help to choose it; and the wish that it is handed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address

from carom.model import Address, Ports
from carom.realserver.steps import OwnAddress, Step, Up


@dataclass(frozen=True, slots=True)
class Wish:
    """Everything a method has to know to say what must be set."""

    vips: tuple[Address, ...]
    """Each once, in the operator's order."""
    method: str
    interface: str
    """The NIC on the director's segment: where frames for the VIPs arrive."""
    rip: IPv4Address | None = None
    """The host's own IPv4 address on that segment; None: it has none, and no VIP is IPv4."""
    ports: tuple[Ports, ...] = ()
    """What is served at every one of the VIPs; only `redirect` cannot do without."""
    tool: str = ""
    """The program that loads the method's rules (`arptables-nft`, `nft`, ...); empty where it needs none."""
    link: str = ""
    """`noarp`: the kind of interface that this kernel makes, `dummy` or `macvlan`."""
    shared_ports: bool = False
    """`redirect`: one daemon serves all of these VIPs, so that they may share a port."""


@dataclass(frozen=True, slots=True)
class Method:
    """One cure."""

    name: str
    summary: str
    """One line, for a list."""
    choose: str
    """When to choose it, and what it costs."""
    steps: Callable[[Wish], tuple[Step, ...]]
    """What must be set, silence before address."""
    tools: tuple[str, ...] = ()
    """Programs that can load its rules, the best first; empty where it needs none."""
    package: str = ""
    """Debian's package with these programs."""
    holds_vip: bool = True
    """The VIP is an address of the host, so that daemons can bind to it."""


def ipv4(vips: tuple[Address, ...]) -> tuple[IPv4Address, ...]:
    """Those that ARP is about."""
    return tuple(vip for vip in vips if isinstance(vip, IPv4Address))


def on_loopback(vips: tuple[Address, ...]) -> tuple[Step, ...]:
    """The VIPs on `lo`.

    The chapter gives them to an alias of the NIC. `lo` is the better place: no DHCP client and no network manager
    flushes it, it takes a /32 without a route, and for IPv6 it is a cure in itself, because the kernel answers a
    neighbour solicitation only for addresses of the interface that it came in by.
    """
    return (Up("lo"), *(OwnAddress(vip, "lo") for vip in vips))
