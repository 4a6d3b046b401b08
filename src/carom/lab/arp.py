"""Ask the segment who has a VIP, as a router does, and hear every answer; RFC 826."""

from __future__ import annotations

import socket
import struct
import time
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address

from carom.lab import namespaces
from carom.lab.network import Nic

_ETH_P_ARP = 0x0806
_REQUEST, _REPLY = 1, 2
_BROADCAST = b"\xff" * 6
_HEADER = struct.Struct("!6s6sHHHBBH6s4s6s4s")
"""Ethernet: to, from, type. ARP: hardware Ethernet, protocol IPv4, their lengths, operation, sender, target."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Somebody says that an address is at a MAC."""

    address: IPv4Address
    mac: str


def who_has(namespace: str, nic: Nic, vip: IPv4Address, seconds: float) -> tuple[str, ...]:
    """Broadcast the question from a node's NIC and listen so long; the MACs of all who answer, each once."""
    with namespaces.inside(namespace, partial(_open, nic.name)) as asker:
        asker.send(question(nic, vip))
        return tuple(dict.fromkeys(reply.mac for reply in _hear(asker, seconds) if reply.address == vip))


def question(nic: Nic, target: IPv4Address) -> bytes:
    """The frame that asks."""
    mac, own = bytes.fromhex(nic.mac.replace(":", "")), nic.addresses[0].ip.packed
    return _HEADER.pack(_BROADCAST, mac, _ETH_P_ARP, 1, 0x0800, 6, 4, _REQUEST, mac, own, bytes(6), target.packed)


def parse(frame: bytes) -> Reply | None:
    """The answer in a frame; None: it is none."""
    if len(frame) < _HEADER.size:
        return None
    _, _, ethertype, _, _, _, _, operation, mac, address, _, _ = _HEADER.unpack_from(frame)
    if (ethertype, operation) != (_ETH_P_ARP, _REPLY):
        return None
    return Reply(IPv4Address(address), mac.hex(":"))


def _open(interface: str) -> socket.socket:
    asker = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ARP))
    asker.bind((interface, _ETH_P_ARP))
    return asker


def _hear(asker: socket.socket, seconds: float) -> list[Reply]:
    deadline = time.monotonic() + seconds
    heard = []
    while (left := deadline - time.monotonic()) > 0:
        asker.settimeout(left)
        try:
            reply = parse(asker.recv(2048))
        except TimeoutError:
            break
        if reply is not None:
            heard.append(reply)
    return heard
