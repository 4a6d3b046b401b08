"""Fills in what the operator left open, from what the host shows: the NIC, the RIP, the program, the kind of link."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_network

from carom.errors import UnsupportedError, WishError
from carom.model import Address, Ports
from carom.realserver.arp import METHODS
from carom.realserver.methods.method import Wish
from carom.realserver.view import View, is_v6


@dataclass(frozen=True, slots=True)
class Asked:
    """What the operator said; empty and None where nothing was."""

    vips: tuple[Address, ...]
    method: str = "sysctl"
    interface: str = ""
    rip: IPv4Address | None = None
    ports: tuple[Ports, ...] = ()
    tool: str = ""
    shared_ports: bool = False


def choose(asked: Asked, view: View, has: Callable[[str], bool], makes: Callable[[str], bool]) -> Wish:
    """The whole wish. `has` tells of a program, `makes` of a kind of interface in this kernel.

    Raises WishError where the host leaves more than one choice or none, UnsupportedError where it cannot do it.
    """
    interface = asked.interface or segment(view, asked.vips)
    return Wish(
        vips=tuple(dict.fromkeys(asked.vips)),
        method=asked.method,
        interface=interface,
        rip=asked.rip or rip(view, interface, asked.vips),
        ports=asked.ports,
        tool=tool(asked, has),
        link=link(makes) if asked.method == "noarp" else "",
        shared_ports=asked.shared_ports,
    )


def segment(view: View, vips: tuple[Address, ...]) -> str:
    """The NIC that faces the director: the one on a VIP's own network, else the gateway's, else the only one."""
    for address in (*vips, *filter(None, view.gateways.values())):
        for held in view.held:
            nic = view.nic(held.interface)
            network = ip_network((held.address, held.prefix), strict=False)
            if nic in view.segment_nics() and not held.whole and address in network:
                return held.interface
    nics = [nic.name for nic in view.segment_nics() if view.on(nic.name, 4) or view.on(nic.name, 6)]
    if len(nics) == 1:
        return nics[0]
    several = f"it has {', '.join(nics)}" if nics else "none is up with an address"
    raise WishError(f"which NIC faces the director cannot be told ({several}); name it with --interface")


def rip(view: View, interface: str, vips: tuple[Address, ...]) -> IPv4Address | None:
    """The primary IPv4 address on the NIC that is no VIP."""
    own = (held.address for held in view.on(interface, 4) if held.address not in vips)
    return next((address for address in own if isinstance(address, IPv4Address)), None)


def tool(asked: Asked, has: Callable[[str], bool]) -> str:
    """The program that loads the method's rules; empty where the method needs none, or none for IPv6 alone."""
    method = METHODS[asked.method]
    if asked.tool and asked.tool not in method.tools:
        able = f"can use {', '.join(method.tools)}" if method.tools else "needs no program"
        raise WishError(f"method {method.name} {able}; --tool {asked.tool} is none of its programs")
    if not method.tools or (method.holds_vip and all(map(is_v6, asked.vips))):
        return ""
    candidates = (asked.tool,) if asked.tool else method.tools
    found = next((program for program in candidates if has(program)), None)
    if found is None:
        raise UnsupportedError(
            f"method {method.name} needs {' or '.join(candidates)}, which is not installed: apt install "
            f"{method.package}; method sysctl needs no program"
        )
    return found


def link(makes: Callable[[str], bool]) -> str:
    """The kind of interface for `noarp`."""
    for kind in ("dummy", "macvlan"):
        if makes(kind):
            return kind
    raise UnsupportedError(
        "method noarp needs a dummy or macvlan interface, and this kernel makes neither (CONFIG_DUMMY, "
        "CONFIG_MACVLAN); choose --method sysctl"
    )
