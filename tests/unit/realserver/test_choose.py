"""What Carom chooses when the operator does not say."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from carom.errors import UnsupportedError, WishError
from carom.realserver.choose import Asked, choose, link, rip, segment, tool
from carom.realserver.view import Held, Nic, View
from tests.unit.realserver.words import BARE, ETH0, LO, RIP, VIP, VIP2, VIP6, WEB

TWO = replace(
    BARE,
    nics=(LO, ETH0, Nic("eth1")),
    held=(*BARE.held, Held(IPv4Address("198.51.100.31"), 24, "eth1")),
    gateways={4: IPv4Address("198.51.100.254"), 6: None},
)
"""A host with a second NIC, and its gateway there."""


def everything(_: str) -> bool:
    return True


def nothing(_: str) -> bool:
    return False


def test_the_whole_wish() -> None:
    wish = choose(Asked((VIP, VIP, VIP6), "nft", ports=(WEB,)), BARE, everything, nothing)
    assert (wish.vips, wish.interface, wish.rip, wish.tool, wish.link) == ((VIP, VIP6), "eth0", RIP, "nft", "")


def test_the_nic_on_the_vips_own_network_before_the_gateways() -> None:
    assert segment(TWO, (VIP,)) == "eth0"
    assert segment(TWO, (IPv4Address("203.0.113.9"),)) == "eth1"


def test_the_only_nic_where_no_gateway_tells() -> None:
    assert segment(replace(BARE, gateways={4: None, 6: None}), (IPv4Address("203.0.113.9"),)) == "eth0"


@pytest.mark.parametrize(
    ("view", "words"),
    [(replace(TWO, gateways={}), "it has eth0, eth1"), (View(nics=(LO,)), "none is up with an address")],
)
def test_a_host_that_leaves_a_choice(view: View, words: str) -> None:
    with pytest.raises(WishError, match=f"{words}.*--interface"):
        segment(view, (IPv4Address("203.0.113.9"),))


def test_the_rip_is_the_first_address_that_is_no_vip() -> None:
    view = View(nics=(ETH0,), held=(Held(VIP, 24, "eth0"), Held(RIP, 24, "eth0"), Held(VIP2, 24, "eth0")))
    assert rip(view, "eth0", (VIP,)) == RIP
    assert rip(view, "eth1", (VIP,)) is None


@pytest.mark.parametrize(
    ("installed", "found"),
    [
        ({"arptables-nft", "arptables-legacy"}, "arptables-nft"),
        ({"arptables-legacy"}, "arptables-legacy"),
        ({"arptables"}, "arptables"),
    ],
)
def test_the_best_tool_that_is_installed(installed: set[str], found: str) -> None:
    assert tool(Asked((VIP,), "arptables"), installed.__contains__) == found


def test_a_method_without_its_tools_names_the_package_and_the_way_out() -> None:
    with pytest.raises(UnsupportedError, match="apt install arptables; method sysctl needs no program"):
        tool(Asked((VIP,), "arptables"), nothing)
    with pytest.raises(UnsupportedError, match="needs arptables-legacy, which is not installed"):
        tool(Asked((VIP,), "arptables", tool="arptables-legacy"), nothing)


def test_ipv6_alone_needs_no_tool_but_for_redirect() -> None:
    assert tool(Asked((VIP6,), "arptables"), nothing) == ""
    assert tool(Asked((VIP6,), "redirect"), everything) == "nft"


def test_a_tool_of_another_method() -> None:
    with pytest.raises(WishError, match="can use nft; --tool iptables-nft is none of its programs"):
        tool(Asked((VIP,), "nft", tool="iptables-nft"), everything)


def test_a_dummy_before_a_macvlan() -> None:
    assert link(everything) == "dummy"
    assert link({"macvlan"}.__contains__) == "macvlan"
    with pytest.raises(UnsupportedError, match="this kernel makes neither"):
        link(nothing)
