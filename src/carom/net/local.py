"""The host's own addresses, on whichever NIC."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import ip_address

from carom.model import Address
from carom.net import rtnetlink


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address is."""

    interface: str
    prefix: int


def addresses() -> dict[Address, Place]:
    """All of them. Blocks for about a millisecond."""
    names = dict(socket.if_nameindex())
    entries = (rtnetlink.decode_address(message.body) for message in rtnetlink.ask(rtnetlink.dump_addresses()))
    return {ip_address(packed): Place(names.get(index, str(index)), prefix) for index, packed, prefix in entries}
