"""Announcements: frames that tell the segment where a VIP is now, so that caches elsewhere forget who had it.

IPv4: an ARP announcement (RFC 5227 section 3), an ARP request whose sender and target are the VIP. A request and not a
reply, since every station updates an entry from it and none has to answer. IPv6: an unsolicited neighbour advertisement
to all nodes with the override flag (RFC 4861 section 7.2.6).
"""

from __future__ import annotations

import socket
import struct
from ipaddress import IPv4Address, IPv6Address

from carom.errors import NetError
from carom.model import Address

BROADCAST = b"\xff" * 6
ALL_NODES = IPv6Address("ff02::1")
ALL_NODES_MAC = bytes.fromhex("333300000001")
ETH_P_ARP, ETH_P_IPV6 = 0x0806, 0x86DD
ARP = struct.Struct("!HHBBH6s4s6s4s")
ADVERTISEMENT = struct.Struct("!BBHI16sBB6s")
ICMPV6, NEIGHBOUR_ADVERTISEMENT = 58, 136
OVERRIDE = 1 << 29
TARGET_LINK_LAYER_ADDRESS = 2


class PacketAnnouncer:
    """`carom.ports.Announcer` on one NIC, through a packet socket (packet(7))."""

    def __init__(self, interface: str) -> None:
        self._interface = interface

    def announce(self, vips: tuple[Address, ...]) -> None:
        """See the port. The frames carry the NIC's MAC of this moment. Raises NetError."""
        try:
            with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as connection:
                connection.bind((self._interface, 0))
                mac = connection.getsockname()[4]
                for vip in vips:
                    connection.send(announcement(vip, mac))
        except OSError as error:
            raise NetError(f"{self._interface} takes no announcement: {error.strerror}") from error


def announcement(vip: Address, mac: bytes) -> bytes:
    """The whole Ethernet frame, without FCS, that says `vip` is at `mac`."""
    return _arp(vip, mac) if isinstance(vip, IPv4Address) else _advertisement(vip, mac)


def _arp(vip: IPv4Address, mac: bytes) -> bytes:
    ethernet_hardware, request = 1, 1
    body = ARP.pack(ethernet_hardware, 0x0800, 6, 4, request, mac, vip.packed, bytes(6), vip.packed)
    return _ethernet(BROADCAST, mac, ETH_P_ARP) + body


def _advertisement(vip: IPv6Address, mac: bytes) -> bytes:
    fields = (OVERRIDE, vip.packed, TARGET_LINK_LAYER_ADDRESS, 1, mac)
    checksum = _checksum(vip, ALL_NODES, ADVERTISEMENT.pack(NEIGHBOUR_ADVERTISEMENT, 0, 0, *fields))
    body = ADVERTISEMENT.pack(NEIGHBOUR_ADVERTISEMENT, 0, checksum, *fields)
    hop_limit = 255  # RFC 4861 section 7.1.2: anything less was forwarded, and is ignored
    header = struct.pack("!IHBB", 6 << 28, len(body), ICMPV6, hop_limit) + vip.packed + ALL_NODES.packed
    return _ethernet(ALL_NODES_MAC, mac, ETH_P_IPV6) + header + body


def _ethernet(destination: bytes, source: bytes, kind: int) -> bytes:
    return destination + source + struct.pack("!H", kind)


def _checksum(source: IPv6Address, destination: IPv6Address, body: bytes) -> int:
    """ICMPv6's checksum over its pseudo-header (RFC 8200 section 8.1) and a body of even length."""
    covered = source.packed + destination.packed + struct.pack("!II", len(body), ICMPV6) + body
    total: int = sum(struct.unpack(f"!{len(covered) // 2}H", covered))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF
