"""Method `sysctl`: the kernel itself neither answers ARP for the VIP nor names it as a sender."""

from __future__ import annotations

from carom.realserver.methods.method import Method, Wish, ipv4, on_loopback
from carom.realserver.steps import Step, Sysctl

# Both are set on `all`, because the kernel uses the larger of `all` and the receiving (sending) interface's own value:
# `lo`'s own value, which many recipes set, has no effect, and an interface that comes later is covered too.
# Documentation/networking/ip-sysctl.rst
SILENCE = (
    Sysctl(
        "net.ipv4.conf.all.arp_ignore",
        "1",
        "answer ARP only for addresses of the NIC that was asked",
        enough=("2",),
    ),
    Sysctl(
        "net.ipv4.conf.all.arp_announce",
        "2",
        "never name the VIP as the sender of an ARP request",
    ),
)


def steps(wish: Wish) -> tuple[Step, ...]:
    silence = SILENCE if ipv4(wish.vips) else ()
    return (*silence, *on_loopback(wish.vips))


METHOD = Method(
    name="sysctl",
    summary="arp_ignore=1 and arp_announce=2 in the kernel, the VIP on lo. The default.",
    choose=(
        "Needs no program and no rules, costs nothing per packet, and daemons can bind to each VIP. "
        "It changes how the whole host answers ARP: each NIC speaks for its own addresses only. "
        "Choose arptables or nft where a NIC has to answer for the addresses of another."
    ),
    steps=steps,
)
