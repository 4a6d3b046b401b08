"""Method `noarp`: the VIPs on an interface of their own that has no ARP.

On most systems such an interface is the whole cure. On Linux it is not: an address belongs to the host, not to the
interface, and every other NIC goes on answering for it. So the silence of method `sysctl` is part of this one.
"""

from __future__ import annotations

from carom.realserver.methods.method import Method, Wish, ipv4
from carom.realserver.methods.sysctl import SILENCE
from carom.realserver.steps import Link, OwnAddress, Step, Up

INTERFACE = "carom0"


def steps(wish: Wish) -> tuple[Step, ...]:
    return (
        *(SILENCE if ipv4(wish.vips) else ()),
        Link(INTERFACE, wish.link, wish.interface if wish.link == "macvlan" else ""),
        Up(INTERFACE),
        *(OwnAddress(vip, INTERFACE) for vip in wish.vips),
    )


METHOD = Method(
    name="noarp",
    summary="the VIPs on carom0, a dummy (or macvlan) interface without ARP, and the same silence as sysctl.",
    choose=(
        "Choose it where something else manages lo, or to take all VIPs away at once with `ip link set carom0 down`. "
        "An interface without ARP is no cure on Linux by itself, because the other NICs answer for its addresses; "
        "so arp_ignore and arp_announce are set as in method sysctl. "
        "The interface is a dummy; where the kernel has none, a macvlan on the NIC."
    ),
    steps=steps,
)
