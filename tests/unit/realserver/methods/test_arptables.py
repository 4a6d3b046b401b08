"""Method arptables: the chapter's two rules for each VIP."""

from __future__ import annotations

from dataclasses import replace

from carom.realserver.methods.arptables import METHOD
from tests.unit.realserver.words import RIP, VIP, VIP2, VIP6, WISH


def test_the_chapters_commands_and_then_the_addresses() -> None:
    wish = replace(WISH, vips=(VIP, VIP6, VIP2), tool="arptables-nft")
    assert [str(step.command()) for step in METHOD.steps(wish)] == [
        "arptables-nft -P INPUT ACCEPT",
        "arptables-nft -P OUTPUT ACCEPT",
        f"arptables-nft -A INPUT -d {VIP} -j DROP",
        f"arptables-nft -A OUTPUT -s {VIP} -j mangle --mangle-ip-s {RIP}",
        f"arptables-nft -A INPUT -d {VIP2} -j DROP",
        f"arptables-nft -A OUTPUT -s {VIP2} -j mangle --mangle-ip-s {RIP}",
        "ip link set lo up",
        f"ip address add {VIP}/32 dev lo",
        f"ip address add {VIP6}/128 dev lo nodad",
        f"ip address add {VIP2}/32 dev lo",
    ]
