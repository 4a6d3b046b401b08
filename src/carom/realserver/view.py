"""A view: what one look at a host showed, as values; no look is taken here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from carom.model import Address, Protocol


@dataclass(frozen=True, slots=True)
class Nic:
    """One interface of the host."""

    name: str
    up: bool = True
    arp: bool = True
    """False: IFF_NOARP is set."""
    loopback: bool = False
    mtu: int = 1500
    """Bytes."""
    kind: str = ""
    """`veth`, `macvlan`, `bridge`, ...; empty for hardware and `lo`."""


@dataclass(frozen=True, slots=True)
class Held:
    """One address on one interface."""

    address: Address
    prefix: int
    interface: str
    broadcast: Address | None = None
    nodad: bool = False
    """IPv6: duplicate address detection is never done."""
    tentative: bool = False
    """IPv6: duplicate address detection is not finished, and the address cannot be used."""
    duplicate: bool = False
    """IPv6: detection found the address elsewhere, and the kernel does not use it (`dadfailed`)."""

    @property
    def whole(self) -> bool:
        """True for /32 and /128: no route to a neighbour comes with the address."""
        return self.prefix == self.address.max_prefixlen


@dataclass(frozen=True, slots=True)
class Route:
    """How the host would send a reply from one address to a client out in the world."""

    interface: str
    gateway: Address | None
    """None: straight onto the link."""


@dataclass(frozen=True, slots=True)
class Listener:
    """One socket that waits for clients: TCP in LISTEN, or UDP that is bound and not connected."""

    protocol: Protocol
    address: Address
    port: int

    @property
    def anywhere(self) -> bool:
        """Bound to 0.0.0.0 or ::."""
        return self.address.is_unspecified


@dataclass(frozen=True, slots=True)
class Conntrack:
    """How full the connection-tracking table is."""

    entries: int
    limit: int


@dataclass(frozen=True, slots=True)
class View:
    """What one look at a host showed."""

    nics: tuple[Nic, ...] = ()
    held: tuple[Held, ...] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    """By key as in sysctl(8), an interface's dots kept as they are: `net.ipv4.conf.eth0.arp_ignore`."""
    replies: Mapping[Address, Route | None] = field(default_factory=dict)
    """For each VIP, the way of a reply from it to a client; None: there is no way."""
    gateways: Mapping[int, Address | None] = field(default_factory=dict)
    """By IP version, the host's default gateway."""
    neighbours: Mapping[Address, str] = field(default_factory=dict)
    """MACs that the host has learnt."""
    listeners: tuple[Listener, ...] = ()
    only_ipv6: frozenset[int] = frozenset()
    """TCP ports whose `::` listener takes no IPv4 connection (IPV6_V6ONLY)."""
    guarded: frozenset[Address] = frozenset()
    """VIPs for which an ARP rule drops requests."""
    mangled: frozenset[Address] = frozenset()
    """VIPs for which an ARP rule takes the VIP out of outgoing ARP."""
    redirected: frozenset[tuple[Address, str]] = frozenset()
    """VIP and `tcp/80` for which a redirect rule stands."""
    conntrack: Conntrack | None = None

    def nic(self, name: str) -> Nic | None:
        return next((nic for nic in self.nics if nic.name == name), None)

    def holders(self, address: Address) -> tuple[Held, ...]:
        """Where on this host the address is."""
        return tuple(held for held in self.held if held.address == address)

    def on(self, interface: str, version: int) -> tuple[Held, ...]:
        """The addresses of one IP version on an interface, the primary one first."""
        return tuple(held for held in self.held if held.interface == interface and held.address.version == version)

    def sysctl(self, key: str) -> int:
        """A sysctl's value as a number; 0, which is the default of every one looked at, where there is none."""
        return int(self.sysctls.get(key, "0"))

    def effective(self, interface: str, name: str) -> int:
        """What the kernel uses of an `ipv4.conf` value that it takes as the larger of `all` and the interface's own."""
        return max(self.sysctl(f"net.ipv4.conf.all.{name}"), self.sysctl(f"net.ipv4.conf.{interface}.{name}"))

    def segment_nics(self) -> tuple[Nic, ...]:
        """Those that speak ARP: up, no loopback, ARP not switched off."""
        return tuple(nic for nic in self.nics if nic.up and nic.arp and not nic.loopback)


def family(address: Address) -> str:
    """`ipv4` or `ipv6`, as the kernel names its folders."""
    return "ipv4" if isinstance(address, IPv4Address) else "ipv6"


def is_v6(address: Address) -> bool:
    return isinstance(address, IPv6Address)
