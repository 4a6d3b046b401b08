"""What must be set on a real server's host, as data: a wish in, ordered steps out, or every reason against it.

The ARP problem: each real server owns the VIP, so each would answer the router's "who has the VIP?", and each would
name itself as the VIP's holder when it asks for its gateway on behalf of a reply. Whoever does either takes the
service away from the director. A method stops both, and every method puts the silence before the address, so that at
no moment the address is there without it. docs/arp-problem.md has the measurements.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network
from itertools import combinations

from carom.errors import WishError
from carom.model import Address, Ports
from carom.realserver.methods import arptables, nft, noarp, redirect, sysctl
from carom.realserver.methods.method import Method, Wish
from carom.realserver.steps import Step
from carom.realserver.view import View, is_v6

METHODS: dict[str, Method] = {
    method.name: method for method in (sysctl.METHOD, arptables.METHOD, nft.METHOD, redirect.METHOD, noarp.METHOD)
}

_SENSELESS: tuple[tuple[IPv4Network | IPv6Network, str], ...] = tuple(
    (ip_network(network), reason)
    for network, reason in (
        ("0.0.0.0/8", "it means this network, and no client can send to it"),
        ("127.0.0.0/8", "it is a loopback address, and no client can send to it"),
        ("169.254.0.0/16", "it is link-local, and no router forwards it"),
        ("224.0.0.0/4", "it is multicast"),
        ("240.0.0.0/4", "it is reserved, or the broadcast address"),
        ("::/128", "it is the unspecified address"),
        ("::1/128", "it is the loopback address, and no client can send to it"),
        ("::ffff:0:0/96", "it is an IPv4 address in IPv6's clothes; write the IPv4 address"),
        ("fe80::/10", "it is link-local, and no router forwards it"),
        ("ff00::/8", "it is multicast"),
    )
)


def plan(wish: Wish) -> tuple[Step, ...]:
    """Everything that must be so on the host, in the order in which it may be done."""
    return METHODS[wish.method].steps(wish)


def needs(wish: Wish) -> tuple[tuple[Step, tuple[Address, ...]], ...]:
    """The plan's steps, each with the VIPs that need it: it stays as long as one of them is here."""
    alone = {vip: plan(replace(wish, vips=(vip,))) for vip in wish.vips}
    return tuple((step, tuple(vip for vip in wish.vips if step in alone[vip])) for step in plan(wish))


def refuse(wish: Wish, view: View, others: Mapping[Address, tuple[Ports, ...]]) -> None:
    """Raises WishError with every reason why this wish makes no sense on the host that was looked at.

    `others` are the VIPs that are redirected on this host already, with their ports.
    """
    reasons = [*_interface_faults(wish, view)]
    for vip in wish.vips:
        reasons += _vip_faults(vip, wish, view)
    reasons += _port_faults(wish, others)
    if reasons:
        raise WishError("\n".join(reasons))


def senseless(vip: Address) -> str:
    """Why an address can be no VIP; empty where it can."""
    return next((reason for network, reason in _SENSELESS if vip in network), "")


def _interface_faults(wish: Wish, view: View) -> Iterator[str]:
    nic = view.nic(wish.interface)
    if nic is None:
        known = ", ".join(each.name for each in view.nics if not each.loopback) or "none"
        yield f"this host has no interface {wish.interface}; it has: {known}"
    elif nic.loopback:
        yield f"{wish.interface} is the loopback; name the NIC on which the director's frames arrive"
    elif wish.method in ("arptables", "nft") and wish.rip is None and not all(map(is_v6, wish.vips)):
        yield (
            f"{wish.interface} has no IPv4 address, and method {wish.method} writes it into outgoing ARP in place of "
            "the VIP; name the NIC that has the RIP with --interface, or choose --method sysctl"
        )


def _vip_faults(vip: Address, wish: Wish, view: View) -> Iterator[str]:
    reason = senseless(vip)
    if reason:
        yield f"{vip} can be no VIP: {reason}"
        return
    yield from _own_address_faults(vip, wish, view)
    if vip in (view.gateways.get(4), view.gateways.get(6)):
        yield f"{vip} is this host's default gateway, not a VIP; with it on this host no reply would find its way"
    for held in view.on(wish.interface, vip.version):
        network = ip_network((held.address, held.prefix), strict=False)
        edges = (network.network_address, network.broadcast_address)
        if isinstance(vip, IPv4Address) and held.prefix < 31 and vip in edges:
            yield f"{vip} is the network or broadcast address of {network} on {wish.interface}, and cannot be a VIP"
    if is_v6(vip) and METHODS[wish.method].holds_vip and view.sysctl("net.ipv6.conf.lo.disable_ipv6"):
        yield f"IPv6 is switched off on lo, so it cannot hold {vip}: sysctl -w net.ipv6.conf.lo.disable_ipv6=0"


def _own_address_faults(vip: Address, wish: Wish, view: View) -> Iterator[str]:
    place = noarp.INTERFACE if wish.method == "noarp" else "lo"
    for held in view.holders(vip):
        where = f"{vip}/{held.prefix} on {held.interface}"
        if not METHODS[wish.method].holds_vip:
            yield (
                f"this host owns {where}; method redirect works only where the VIP is no address of the host: "
                f"`ip address del {vip}/{held.prefix} dev {held.interface}`, or choose another method"
            )
        elif held.interface != place:
            yield (
                f"{vip} is this host's own address ({where}): a VIP is the address that clients use, not the RIP; "
                f"if it is a VIP put there by hand, remove it first: "
                f"`ip address del {vip}/{held.prefix} dev {held.interface}`"
            )
        elif not held.whole:
            yield (
                f"{where} makes the whole of {ip_network((vip, held.prefix), strict=False)} local to this host; "
                f"remove it first: `ip address del {vip}/{held.prefix} dev {held.interface}`"
            )


def _port_faults(wish: Wish, others: Mapping[Address, tuple[Ports, ...]]) -> Iterator[str]:
    if wish.method != "redirect":
        return
    if not wish.ports:
        yield "method redirect turns ports, and was given none: add --port tcp/80"
    wanted = {
        **{vip: ports for vip, ports in others.items() if vip not in wish.vips},
        **dict.fromkeys(wish.vips, wish.ports),
    }
    for one, other in combinations(wanted, 2):
        shared = [str(ports) for ports in wanted[one] if any(_overlap(ports, each) for each in wanted[other])]
        if shared and other in wish.vips and not wish.shared_ports:
            yield (
                f"under redirect {one} and {other} would share {', '.join(shared)}: a redirected packet no longer says "
                "for which VIP it was, so one daemon on the RIP gets the requests of both, and a daemon per VIP is "
                "impossible. If one daemon serves both, say so with --shared-ports; for a daemon per VIP choose "
                "--method sysctl, arptables or nft"
            )


def _overlap(one: Ports, other: Ports) -> bool:
    return one.protocol is other.protocol and one.first <= other.last and other.first <= one.last
