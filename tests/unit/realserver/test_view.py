"""What a view tells of itself."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from carom.model import Protocol
from carom.realserver.view import Held, Listener, Nic, family, is_v6
from tests.unit.realserver.words import ETH0, LO, RIP, SOUND, VIP, VIP6, sysctls


@pytest.mark.parametrize(("every", "own", "used"), [("0", "0", 0), ("1", "0", 1), ("0", "2", 2), ("3", "1", 3)])
def test_the_kernel_uses_the_larger_of_all_and_the_interface(every: str, own: str, used: int) -> None:
    view = sysctls(SOUND, all__arp_ignore=every, eth0__arp_ignore=own)
    assert view.effective("eth0", "arp_ignore") == used


def test_a_setting_that_is_not_there_counts_as_its_default() -> None:
    assert SOUND.sysctl("net.ipv4.conf.eth9.rp_filter") == 0


def test_a_segment_is_where_arp_is_spoken() -> None:
    silent, down = Nic("carom0", arp=False), Nic("eth1", up=False)
    assert replace(SOUND, nics=(LO, ETH0, silent, down)).segment_nics() == (ETH0,)


def test_who_holds_an_address() -> None:
    twice = replace(SOUND, held=(*SOUND.held, Held(VIP, 24, "eth0")))
    assert [held.interface for held in twice.holders(VIP)] == ["lo", "eth0"]
    assert [held.address for held in SOUND.on("eth0", 4)] == [RIP]
    assert (SOUND.nic("eth0"), SOUND.nic("eth9")) == (ETH0, None)


def test_a_whole_address_brings_no_route() -> None:
    assert Held(VIP, 32, "lo").whole
    assert Held(VIP6, 128, "lo").whole
    assert not Held(VIP, 24, "lo").whole


def test_families_as_the_kernel_names_them() -> None:
    assert (family(VIP), family(VIP6), is_v6(VIP), is_v6(VIP6)) == ("ipv4", "ipv6", False, True)


def test_a_listener_of_every_address() -> None:
    assert Listener(Protocol.TCP, IPv4Address("0.0.0.0"), 80).anywhere
    assert not Listener(Protocol.TCP, RIP, 80).anywhere
