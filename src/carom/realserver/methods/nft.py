"""Method `nft`: the same as `arptables`, as one nftables table of Carom's own with the VIPs in a set."""

from __future__ import annotations

from ipaddress import IPv4Address

from carom.realserver.methods.method import Method, Wish, ipv4, on_loopback
from carom.realserver.steps import NftElement, NftTable, Step

TABLE = NftTable(
    family="arp",
    name="carom",
    sets=("set vips { type ipv4_addr; }", "map rips { type ipv4_addr : ipv4_addr; }"),
    chains=(
        ("input", "type filter hook input priority 0; policy accept;", ("arp daddr ip @vips drop",)),
        ("output", "type filter hook output priority 0; policy accept;", ("arp saddr ip set arp saddr ip map @rips",)),
    ),
    meaning="no answer to who-has a VIP; outgoing ARP names the RIP, never a VIP",
)


def elements(vip: IPv4Address, rip: IPv4Address | None) -> tuple[Step, ...]:
    return (
        NftElement("arp", "carom", "vips", str(vip)),
        NftElement("arp", "carom", "rips", str(vip), str(rip)),
    )


def steps(wish: Wish) -> tuple[Step, ...]:
    wanted = ipv4(wish.vips)
    members = [element for vip in wanted for element in elements(vip, wish.rip)]
    return (*((TABLE,) if wanted else ()), *members, *on_loopback(wish.vips))


METHOD = Method(
    name="nft",
    summary="the same as arptables, as one table of Carom's own in nftables; the VIP is on lo.",
    choose=(
        "What arptables does, on hosts whose firewall is nftables: one table, loaded and removed in one transaction, "
        "the VIPs in a set, so that a hundred of them cost what one does. "
        "A ruleset file that begins with `flush ruleset` takes it away when it is reloaded; `verify` sees that."
    ),
    steps=steps,
    tools=("nft",),
    package="nftables",
)
