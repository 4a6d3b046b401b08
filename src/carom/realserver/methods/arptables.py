"""Method `arptables`: drop ARP requests for the VIP, and put the RIP in place of the VIP in outgoing ARP.

The chapter's section 3.2.1. IPv6 has no ARP, and a VIP on `lo` needs no rule there.
"""

from __future__ import annotations

from ipaddress import IPv4Address

from carom.realserver.methods.method import Method, Wish, ipv4, on_loopback
from carom.realserver.steps import BaseChain, Rule, Step


def rules(vip: IPv4Address, wish: Wish) -> tuple[Step, ...]:
    drop = ("-d", str(vip), "-j", "DROP")
    mangle = ("-s", str(vip), "-j", "mangle", "--mangle-ip-s", str(wish.rip))
    return (
        Rule(wish.tool, "filter", "INPUT", drop, "no answer to who-has the VIP"),
        Rule(wish.tool, "filter", "OUTPUT", mangle, "outgoing ARP names the RIP, never the VIP"),
    )


def steps(wish: Wish) -> tuple[Step, ...]:
    wanted = ipv4(wish.vips)
    chains = [BaseChain(wish.tool, "filter", chain) for chain in ("INPUT", "OUTPUT") if wanted]
    silence = [rule for vip in wanted for rule in rules(vip, wish)]
    return (*chains, *silence, *on_loopback(wish.vips))


METHOD = Method(
    name="arptables",
    summary="ARP for the VIP is dropped, outgoing ARP is rewritten to the RIP; the VIP is on lo.",
    choose=(
        "Touches ARP for the VIPs alone; the host answers for all its other addresses as before. "
        "Daemons can bind to each VIP: several of them can share a port, each on a VIP of its own. "
        "No connection tracking, so no cost per packet. Choose nft instead where nftables is at home."
    ),
    steps=steps,
    tools=("arptables-nft", "arptables-legacy", "arptables"),
    package="arptables",
)
