"""Announcements, as another implementation reads them."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6NDOptDstLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether

from carom.errors import NetError
from carom.net.announce import PacketAnnouncer, announcement

MAC = bytes.fromhex("02000000000a")


def test_an_ipv4_vip_is_announced_by_an_arp_request_for_itself() -> None:
    frame = Ether(announcement(ip_address("192.168.76.24"), MAC))
    assert (frame.src, frame.dst) == (MAC.hex(":"), "ff:ff:ff:ff:ff:ff")
    arp = frame[ARP]
    assert (arp.op, arp.hwtype, arp.ptype, arp.hwlen, arp.plen) == (1, 1, 0x0800, 6, 4)
    assert (arp.hwsrc, arp.psrc) == (MAC.hex(":"), "192.168.76.24")
    assert (arp.hwdst, arp.pdst) == ("00:00:00:00:00:00", "192.168.76.24")


@pytest.mark.parametrize("vip", ["fd00::24", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"])
def test_an_ipv6_vip_is_announced_by_an_unsolicited_advertisement_to_all_nodes(vip: str) -> None:
    data = announcement(ip_address(vip), MAC)
    frame = Ether(data)
    assert (frame.src, frame.dst) == (MAC.hex(":"), "33:33:00:00:00:01")
    packet = frame[IPv6]
    assert (packet.src, packet.dst, packet.hlim) == (vip, "ff02::1", 255)
    advertisement = frame[ICMPv6ND_NA]
    assert (advertisement.R, advertisement.S, advertisement.O, advertisement.tgt) == (0, 0, 1, vip)
    assert advertisement[ICMPv6NDOptDstLLAddr].lladdr == MAC.hex(":")
    del advertisement.cksum
    assert bytes(frame) == data, "scapy computes the same checksum and lengths"


def test_a_nic_that_is_not_there_is_named() -> None:
    with pytest.raises(NetError, match=r"nonesuch takes no announcement: (No such device|Operation not permitted)"):
        PacketAnnouncer("nonesuch").announce((ip_address("192.168.76.24"),))
