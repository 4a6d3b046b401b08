"""The methods' plans, and every wish that makes no sense."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carom.errors import WishError
from carom.model import Address, Ports, Protocol
from carom.realserver.arp import METHODS, needs, plan, refuse, senseless
from carom.realserver.methods.method import Wish
from carom.realserver.steps import OwnAddress, Up
from carom.realserver.view import Held
from tests.unit.realserver.words import BARE, GATEWAY, RIP, VIP, VIP2, VIP6, WEB, WISH

TOOLS = {"arptables": "arptables-nft", "nft": "nft", "redirect": "iptables-nft"}


def wish(method: str, *vips: str) -> Wish:
    return Wish(
        vips=tuple(map(ip_address, vips)) or (VIP, VIP6),
        method=method,
        interface="eth0",
        rip=RIP,
        ports=(WEB,),
        tool=TOOLS.get(method, ""),
        link="dummy" if method == "noarp" else "",
        shared_ports=True,
    )


@pytest.mark.parametrize("method", METHODS)
def test_the_silence_comes_before_the_address(method: str) -> None:
    steps = plan(wish(method))
    addresses = [at for at, step in enumerate(steps) if isinstance(step, OwnAddress)]
    silence = [at for at, step in enumerate(steps) if not isinstance(step, OwnAddress | Up)]
    assert silence
    if METHODS[method].holds_vip:
        assert addresses
        assert max(silence) < min(addresses)
    else:
        assert not addresses


@pytest.mark.parametrize("method", METHODS)
def test_no_step_is_planned_twice(method: str) -> None:
    steps = plan(wish(method, str(VIP), str(VIP2), str(VIP6)))
    assert len(steps) == len(set(steps))


@pytest.mark.parametrize("method", METHODS)
def test_every_step_is_needed_by_someone(method: str) -> None:
    """A step that no VIP needs would never be undone."""
    found = needs(wish(method, str(VIP), str(VIP2), str(VIP6)))
    assert [step for step, _ in found] == list(plan(wish(method, str(VIP), str(VIP2), str(VIP6))))
    assert all(vips for _, vips in found)


def test_a_shared_step_is_needed_by_all_and_an_address_by_its_own_vip() -> None:
    found = dict(needs(wish("sysctl", str(VIP), str(VIP2))))
    assert found[Up("lo")] == (VIP, VIP2)
    assert found[OwnAddress(VIP2, "lo")] == (VIP2,)


@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if method.holds_vip and name != "noarp"])
def test_ipv6_alone_needs_no_silence(method: str) -> None:
    """The kernel answers a neighbour solicitation only for the interface that it came in by."""
    assert plan(wish(method, str(VIP6))) == (Up("lo"), OwnAddress(VIP6, "lo"))


# ---- refusals ----


def refusal(wish: Wish, **others: tuple[Ports, ...]) -> str:
    with pytest.raises(WishError) as caught:
        refuse(wish, BARE, {ip_address(vip.replace("_", ".")): ports for vip, ports in others.items()})
    return str(caught.value)


def test_a_sensible_wish_is_not_refused() -> None:
    refuse(WISH, BARE, {})
    refuse(wish("redirect"), BARE, {})


@pytest.mark.parametrize(
    ("vip", "words"),
    [
        (RIP, "is this host's own address"),
        (GATEWAY, "is this host's default gateway"),
        (IPv4Address("192.0.2.0"), "network or broadcast address"),
        (IPv4Address("192.0.2.255"), "network or broadcast address"),
        (IPv4Address("127.0.0.7"), "loopback"),
    ],
)
def test_an_address_that_cannot_be_a_vip(vip: IPv4Address, words: str) -> None:
    assert words in refusal(replace(WISH, vips=(vip,)))


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6))
def test_what_clients_cannot_send_to_is_senseless(address: Address) -> None:
    """Against the standard library's own idea of it."""
    odd = (
        address.is_multicast
        or address.is_loopback
        or address.is_unspecified
        or address.is_link_local
        or (isinstance(address, IPv4Address) and address.is_reserved)
    )
    assert not odd or senseless(address)


@pytest.mark.parametrize("address", ["10.0.0.1", "203.0.113.7", "192.168.76.24", "2001:db8::1", "fd00::1"])
def test_what_clients_can_send_to_makes_sense(address: str) -> None:
    assert senseless(ip_address(address)) == ""


def test_a_vip_on_lo_with_its_network_is_named_with_the_network() -> None:
    view = replace(BARE, held=(*BARE.held, Held(VIP, 24, "lo")))
    with pytest.raises(WishError, match=r"makes the whole of 192\.0\.2\.0/24 local"):
        refuse(WISH, view, {})


def test_redirect_refuses_an_address_of_the_host() -> None:
    view = replace(BARE, held=(*BARE.held, Held(VIP, 32, "lo")))
    refuse(WISH, view, {})
    with pytest.raises(WishError, match="only where the VIP is no address of the host"):
        refuse(wish("redirect"), view, {})


def test_redirect_refuses_a_port_that_another_vip_has_already() -> None:
    alone = replace(wish("redirect", str(VIP)), shared_ports=False)
    refuse(alone, BARE, {VIP2: (Ports(Protocol.TCP, 81, 81),)})
    refuse(alone, BARE, {VIP2: (Ports(Protocol.UDP, 80, 80),)})
    with pytest.raises(WishError, match=f"{VIP2} and {VIP} would share tcp/1-1000"):
        refuse(alone, BARE, {VIP2: (Ports(Protocol.TCP, 1, 1000),)})


def test_arptables_needs_a_rip_to_put_in_the_place_of_the_vip() -> None:
    without = replace(wish("arptables"), rip=None)
    assert "has no IPv4 address" in refusal(without)
    refuse(replace(without, vips=(VIP6,)), BARE, {})


def test_ipv6_that_is_switched_off() -> None:
    view = replace(BARE, sysctls={"net.ipv6.conf.lo.disable_ipv6": "1"})
    refuse(WISH, view, {})
    with pytest.raises(WishError, match="IPv6 is switched off on lo"):
        refuse(wish("sysctl"), view, {})


def test_every_reason_is_given() -> None:
    assert len(refusal(replace(WISH, interface="eth9", vips=(RIP, GATEWAY))).splitlines()) == 3
