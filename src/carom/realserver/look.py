"""One look at the host: everything that `verify` judges and that a wish is refused by, read once."""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from carom.errors import RealServerError
from carom.model import Address, Protocol
from carom.realserver import arp, arprules
from carom.realserver.host import LinuxHost, interface_setting
from carom.realserver.methods.method import Wish
from carom.realserver.view import Conntrack, Listener, Route, View

CLIENTS: dict[int, Address] = {4: IPv4Address("198.51.100.1"), 6: IPv6Address("2001:db8:ffff::1")}
"""Stand-ins for a client out in the world, in the documentation's networks (RFC 5737, RFC 3849): asked about only."""

_SETTINGS = {
    "ipv4": ("arp_ignore", "arp_announce", "rp_filter", "proxy_arp", "forwarding"),
    "ipv6": ("forwarding", "disable_ipv6"),
}
_PROCESS = Path("/proc/thread-self/net")
"""The namespace of the calling thread; `/proc/self/net` shows the one that the process started in."""


def look(host: LinuxHost) -> View:
    """The interfaces, addresses, gateways and settings: enough to judge a wish."""
    nics, held = host.nics(), host.held()
    return View(
        nics=nics,
        held=held,
        sysctls=dict(_settings([nic.name for nic in nics])),
        gateways={version: _gateway(host, version) for version in (4, 6)},
    )


def look_closely(host: LinuxHost, wish: Wish, clients: dict[int, Address] = CLIENTS) -> View:
    """All of a view, for these VIPs: the way of replies, neighbours, listeners, rules, connection tracking."""
    rules = _arp_rules(host)
    listeners = tuple(_listeners())
    return replace(
        look(host),
        replies={vip: _reply(host, vip, clients[vip.version]) for vip in wish.vips},
        neighbours={
            ip_address(entry["dst"]): entry["lladdr"] for entry in host.ip("neigh", "show") if "lladdr" in entry
        },
        listeners=listeners,
        only_ipv6=frozenset(_only_ipv6(listeners, wish.vips)),
        guarded=frozenset(rules.guarded),
        mangled=frozenset(rules.mangled),
        redirected=frozenset(_redirected(host, wish)),
        conntrack=_conntrack(),
    )


def _settings(interfaces: list[str]) -> Iterator[tuple[str, str]]:
    for version, names in _SETTINGS.items():
        for interface in ("all", *interfaces):
            for name in names:
                value = interface_setting(version, interface, name)
                if value is not None:
                    yield f"net.{version}.conf.{interface}.{name}", value
    bindv6only = Path("/proc/sys/net/ipv6/bindv6only")
    if bindv6only.exists():
        yield "net.ipv6.bindv6only", bindv6only.read_text().strip()


def _gateway(host: LinuxHost, version: int) -> Address | None:
    routes = host.ip(f"-{version}", "route", "show", "default")
    gateways = [route["gateway"] for route in routes if "gateway" in route]
    return ip_address(gateways[0]) if gateways else None


def _reply(host: LinuxHost, vip: Address, client: Address) -> Route | None:
    """The kernel's own answer, policy rules included: the way to the client, from the VIP where the host owns it."""
    owns = any(held.address == vip for held in host.held())
    source = ("from", str(vip)) if owns else ()
    try:
        found = host.ip("route", "get", str(client), *source)
    except RealServerError:
        return None
    gateway = found[0].get("gateway") or found[0].get("via", {}).get("host")
    if found[0].get("type", "unicast") != "unicast":
        return None
    return Route(found[0]["dev"], ip_address(gateway) if gateway else None)


def _listeners() -> Iterator[Listener]:
    """TCP sockets in LISTEN (0A) and UDP sockets bound without a peer (07); the kernel's proc_net_tcp.rst."""
    for protocol, waiting in ((Protocol.TCP, "0A"), (Protocol.UDP, "07")):
        for name in (protocol.value, f"{protocol.value}6"):
            table = _PROCESS / name
            for line in table.read_text().splitlines()[1:] if table.exists() else ():
                local, _, state = line.split()[1:4]
                if state == waiting:
                    address, _, port = local.partition(":")
                    yield Listener(protocol, _from_hex(address), int(port, 16))


def _from_hex(text: str) -> Address:
    """The kernel prints an address as 32-bit words of the machine's byte order."""
    words = (int(text[at : at + 8], 16) for at in range(0, len(text), 8))
    address = ip_address(b"".join(word.to_bytes(4, sys.byteorder) for word in words))
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _only_ipv6(listeners: tuple[Listener, ...], vips: tuple[Address, ...]) -> Iterator[int]:
    """The kernel does not list IPV6_V6ONLY. But an IPv4 socket can be bound beside a `::` listener only if that has it.

    The trial socket is bound to the VIP and never listens, so no client can meet it.
    """
    ports = {each.port for each in listeners if each.protocol is Protocol.TCP and each.address == IPv6Address(0)}
    for vip in vips:
        for port in ports if isinstance(vip, IPv4Address) else ():
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    trial.bind((str(vip), port))
                except OSError as error:
                    if error.errno in (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES):
                        continue
                    raise
                yield port


def _arp_rules(host: LinuxHost) -> arprules.ArpRules:
    """Looks without touching: listing arptables-legacy would load its table where none is."""
    found = host.ask("nft", "-j", "list", "ruleset", "arp")
    rules = arprules.from_nft(found) if found else arprules.ArpRules()
    tables = _PROCESS / "arp_tables_names"
    try:
        legacy = tables.read_text().split()
    except OSError:
        legacy = []
    listing = host.ask("arptables-legacy", "-n", "-L") if "filter" in legacy else None
    return rules | arprules.from_legacy(listing) if listing else rules


def _redirected(host: LinuxHost, wish: Wish) -> Iterator[tuple[Address, str]]:
    if wish.method != "redirect":
        return
    for vip in wish.vips:
        for ports in wish.ports:
            one = replace(wish, vips=(vip,), ports=(ports,))
            if all(step.holds(step.read(host)) for step in arp.plan(one)):
                yield vip, str(ports)


def _conntrack() -> Conntrack | None:
    """None where nothing tracks connections."""
    folder = Path("/proc/sys/net/netfilter")
    try:
        count, limit = ((folder / f"nf_conntrack_{name}").read_text() for name in ("count", "max"))
    except OSError:
        return None
    return Conntrack(int(count), int(limit))
