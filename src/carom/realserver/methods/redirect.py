"""Method `redirect`: the VIP is on no interface; packets for its ports are turned to the host's own address.

The chapter's section 3.2.2. There is nothing for ARP to find, and nothing for a daemon to bind to.
"""

from __future__ import annotations

from carom.model import Address, Ports
from carom.realserver.methods.method import Method, Wish
from carom.realserver.steps import BaseChain, NftElement, NftTable, Rule, Step
from carom.realserver.view import is_v6

TABLE = NftTable(
    family="inet",
    name="carom",
    sets=(
        "set services4 { type ipv4_addr . inet_proto . inet_service; flags interval; }",
        "set services6 { type ipv6_addr . inet_proto . inet_service; flags interval; }",
    ),
    chains=(
        (
            "prerouting",
            "type nat hook prerouting priority -100; policy accept;",
            (
                "ip daddr . meta l4proto . th dport @services4 redirect",
                "ip6 daddr . meta l4proto . th dport @services6 redirect",
            ),
        ),
    ),
    meaning="packets for the VIPs' ports go to this host's own address",
)


def element(vip: Address, ports: Ports) -> NftElement:
    span = str(ports.first) if ports.is_single else f"{ports.first}-{ports.last}"
    return NftElement("inet", "carom", "services6" if is_v6(vip) else "services4", f"{vip} . {ports.protocol} . {span}")


def rule(vip: Address, ports: Ports, tool: str) -> Rule:
    span = str(ports.first) if ports.is_single else f"{ports.first}:{ports.last}"
    dport = () if ports.is_all else ("--dport", span)
    return Rule(
        spelt(tool, vip),
        "nat",
        "PREROUTING",
        ("-d", str(vip), "-p", ports.protocol.value, *dport, "-j", "REDIRECT"),
        f"{ports} of {vip} goes to this host's own address",
    )


def spelt(tool: str, vip: Address) -> str:
    """`iptables-nft` as it is called for this VIP's IP version."""
    return tool.replace("iptables", "ip6tables") if is_v6(vip) else tool


def steps(wish: Wish) -> tuple[Step, ...]:
    wanted = [(vip, ports) for vip in wish.vips for ports in wish.ports]
    if wish.tool == "nft":
        return (TABLE, *(element(vip, ports) for vip, ports in wanted))
    chains = dict.fromkeys(BaseChain(spelt(wish.tool, vip), "nat", "PREROUTING") for vip in wish.vips)
    return (*chains, *(rule(vip, ports, wish.tool) for vip, ports in wanted))


METHOD = Method(
    name="redirect",
    summary="the VIP is nowhere on the host; REDIRECT turns its ports to the RIP. Needs --port.",
    choose=(
        "Choose it where the VIP cannot be given to the host at all: a daemon that binds to one fixed address, "
        "an appliance, a system whose addresses are managed elsewhere. "
        "It costs connection tracking for every connection, the daemon sees the RIP instead of the VIP, "
        "and two daemons can never share a port, one per VIP: both VIPs end at the same socket."
    ),
    steps=steps,
    tools=("nft", "iptables-nft", "iptables-legacy", "iptables"),
    package="nftables",
    holds_vip=False,
)
