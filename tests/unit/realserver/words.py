"""One real server's host as a view, and wishes, from which tests take away or change one thing."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

from carom.model import Address, Ports, Protocol
from carom.realserver.methods.method import Wish
from carom.realserver.verify.question import Question
from carom.realserver.view import Held, Listener, Nic, Route, View

VIP: Address = IPv4Address("192.0.2.50")
VIP2: Address = IPv4Address("192.0.2.51")
VIP6: Address = IPv6Address("2001:db8::50")
RIP = IPv4Address("192.0.2.31")
GATEWAY: Address = IPv4Address("192.0.2.254")
DIRECTOR: Address = IPv4Address("192.0.2.1")
WEB = Ports(Protocol.TCP, 80, 80)

LO = Nic("lo", loopback=True, mtu=65536)
ETH0 = Nic("eth0")

SOUND = View(
    nics=(LO, ETH0),
    held=(
        Held(IPv4Address("127.0.0.1"), 8, "lo"),
        Held(VIP, 32, "lo"),
        Held(VIP6, 128, "lo", nodad=True),
        Held(RIP, 24, "eth0"),
        Held(IPv6Address("2001:db8::31"), 64, "eth0"),
    ),
    sysctls={"net.ipv4.conf.all.arp_ignore": "1", "net.ipv4.conf.all.arp_announce": "2"},
    replies={VIP: Route("eth0", GATEWAY), VIP6: Route("eth0", IPv6Address("2001:db8::254"))},
    gateways={4: GATEWAY, 6: None},
    listeners=(Listener(Protocol.TCP, IPv4Address("0.0.0.0"), 80),),
)
"""A host that serves VIP and VIP6 by method sysctl."""

BARE = replace(SOUND, held=tuple(held for held in SOUND.held if held.address not in (VIP, VIP6)), sysctls={})
"""The same before join."""

WISH = Wish(vips=(VIP,), method="sysctl", interface="eth0", rip=RIP, ports=(WEB,))


def sysctls(view: View, **changed: str) -> View:
    """The view with some settings of net.ipv4.conf changed: `eth0__arp_ignore="1"`."""
    found = {f"net.ipv4.conf.{name.replace('__', '.')}": value for name, value in changed.items()}
    return replace(view, sysctls={**view.sysctls, **found})


def question(view: View = SOUND, wish: Wish = WISH) -> Question:
    return Question(wish, view, directors=(DIRECTOR,))
