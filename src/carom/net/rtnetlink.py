"""rtnetlink's messages about links, addresses and neighbours: bytes in, values out, and back.

rtnetlink(7), netlink(7), linux/rtnetlink.h, linux/neighbour.h. Only what the director asks is here. It is own code for
one reason: 10,000 real servers make 1,000 neighbour messages a second, and decoding one costs 3 µs here against 75 µs
in a general library, in the event loop that everything else shares.

Every message is a header, a fixed body by its type, and attributes:

    length 4 | type 2 | flags 2 | sequence 4 | port 4 |   body   | (length 2 | type 2 | value, padded to 4) ...
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from carom.errors import NetError

HEADER = struct.Struct("=IHHII")
ATTRIBUTE = struct.Struct("=HH")
LINK_BODY = struct.Struct("=BxHiII")
ADDRESS_BODY = struct.Struct("=BBBBi")
NEIGHBOUR_BODY = struct.Struct("=BxxxiHBB")

NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_REQUEST, NLM_F_MULTI, NLM_F_DUMP_INTR, NLM_F_DUMP = 0x1, 0x2, 0x10, 0x300
NLM_F_REPLACE, NLM_F_CREATE = 0x100, 0x400

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
RTM_NEWADDR, RTM_GETADDR = 20, 22
RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH = 28, 29, 30
RTMGRP_LINK, RTMGRP_NEIGH, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR = 0x1, 0x4, 0x10, 0x100
RTMGRP_IPV4_ROUTE, RTMGRP_IPV4_RULE, RTMGRP_IPV6_ROUTE, RTMGRP_IPV6_RULE = 0x40, 0x80, 0x400, 0x40000

IFLA_ADDRESS, IFLA_IFNAME = 1, 3
IFF_UP, IFF_RUNNING = 0x1, 0x40
IFA_ADDRESS, IFA_LOCAL = 1, 2

NDA_DST, NDA_LLADDR, NDA_IFINDEX, NDA_PROTOCOL, NDA_FLAGS_EXT = 1, 2, 8, 12, 15
NUD_FAILED, NUD_PERMANENT = 0x20, 0x80
NUD_VALID = 0xDE
"""NUD_REACHABLE, STALE, DELAY, PROBE, NOARP or PERMANENT: the MAC may be used."""
NTF_EXT_LEARNED = 0x10
"""The entry belongs to a control plane: it is not collected as garbage and does not count against gc_thresh3."""
NTF_EXT_MANAGED = 0x1
"""The kernel resolves the entry and keeps it resolved by itself (Linux 5.16)."""

SO_RCVBUFFORCE = 33
"""socket(7); the socket module has no name for it."""


class Message(NamedTuple):
    """One netlink message."""

    type: int
    flags: int
    sequence: int
    body: bytes
    """Everything behind the header."""


@dataclass(frozen=True, slots=True)
class Link:
    """One NIC."""

    index: int
    name: str
    mac: bytes
    up: bool
    """Up, and with carrier."""


class NeighbourEntry(NamedTuple):
    """One entry of the kernel's neighbour tables."""

    interface: int
    address: bytes
    """4 or 16 bytes."""
    mac: bytes | None
    state: int
    """One of NUD_..."""
    protocol: int
    """Who made it; 0 is the kernel itself."""


def messages(data: bytes) -> Iterator[Message]:
    """The messages of one datagram. Stops at one that contradicts its own length."""
    start, end = 0, len(data)
    while start + HEADER.size <= end:
        length, kind, flags, sequence, _ = HEADER.unpack_from(data, start)
        if not HEADER.size <= length <= end - start:
            return
        yield Message(kind, flags, sequence, data[start + HEADER.size : start + length])
        start += (length + 3) & ~3


def attributes(body: bytes, start: int) -> dict[int, bytes]:
    """The attributes of a message whose fixed body is `start` bytes long."""
    found: dict[int, bytes] = {}
    while start + 4 <= len(body):
        length, kind = ATTRIBUTE.unpack_from(body, start)
        if length < 4:
            break
        found[kind] = body[start + 4 : start + length]
        start += (length + 3) & ~3
    return found


def decode_link(body: bytes) -> Link:
    """A link message's body."""
    _, _, index, flags, _ = LINK_BODY.unpack_from(body)
    found = attributes(body, LINK_BODY.size)
    running = flags & IFF_UP and flags & IFF_RUNNING
    return Link(index, found[IFLA_IFNAME].rstrip(b"\0").decode(), found.get(IFLA_ADDRESS, b""), bool(running))


def decode_address(body: bytes) -> tuple[int, bytes, int]:
    """An address message's body: interface index, address of 4 or 16 bytes, prefix length."""
    _, prefix, _, _, index = ADDRESS_BODY.unpack_from(body)
    found = attributes(body, ADDRESS_BODY.size)
    return index, found.get(IFA_LOCAL) or found[IFA_ADDRESS], prefix


def decode_neighbour(body: bytes) -> NeighbourEntry | None:
    """A neighbour message's body; None for the entries that have no address (bridges' forwarding tables)."""
    _, index, state, _, _ = NEIGHBOUR_BODY.unpack_from(body)
    found = attributes(body, NEIGHBOUR_BODY.size)
    address = found.get(NDA_DST)
    if address is None:
        return None
    return NeighbourEntry(index, address, found.get(NDA_LLADDR), state, found.get(NDA_PROTOCOL, b"\0")[0])


def decode_error(body: bytes) -> int:
    """An error message's positive errno; 0 is an acknowledgement."""
    code: int = struct.unpack_from("=i", body)[0]
    return -code


def get_link(name: str) -> bytes:
    """Ask for the NIC of this name."""
    return request(RTM_GETLINK, 0, LINK_BODY.pack(0, 0, 0, 0, 0), (IFLA_IFNAME, name.encode() + b"\0"))


def dump_addresses() -> bytes:
    """Ask for every address of every NIC."""
    return request(RTM_GETADDR, NLM_F_DUMP, ADDRESS_BODY.pack(0, 0, 0, 0, 0))


def dump_neighbours(interface: int = 0, sequence: int = 0) -> bytes:
    """Ask for every entry on a NIC, or on all of them."""
    wanted = ((NDA_IFINDEX, struct.pack("=I", interface)),) if interface else ()
    return request(RTM_GETNEIGH, NLM_F_DUMP, NEIGHBOUR_BODY.pack(0, 0, 0, 0, 0), *wanted, sequence=sequence)


def get_neighbour(interface: int, address: bytes, sequence: int = 0) -> bytes:
    """Ask for one entry (Linux 5.0)."""
    body = NEIGHBOUR_BODY.pack(_family(address), interface, 0, 0, 0)
    return request(RTM_GETNEIGH, 0, body, (NDA_DST, address), sequence=sequence)


def manage_neighbour(interface: int, address: bytes, protocol: int, sequence: int = 0) -> bytes:
    """Ask the kernel to resolve an address now and to keep it resolved."""
    return request(
        RTM_NEWNEIGH,
        NLM_F_CREATE | NLM_F_REPLACE,
        NEIGHBOUR_BODY.pack(_family(address), interface, 0, NTF_EXT_LEARNED, 0),
        (NDA_DST, address),
        (NDA_PROTOCOL, bytes((protocol,))),
        (NDA_FLAGS_EXT, struct.pack("=I", NTF_EXT_MANAGED)),
        sequence=sequence,
    )


def delete_neighbour(interface: int, address: bytes, sequence: int = 0) -> bytes:
    """Ask the kernel to forget an entry."""
    body = NEIGHBOUR_BODY.pack(_family(address), interface, 0, 0, 0)
    return request(RTM_DELNEIGH, 0, body, (NDA_DST, address), sequence=sequence)


def open_socket(groups: int = 0, receive_buffer: int = 0) -> socket.socket:
    """A routing socket in this network namespace that hears these groups' news. Raises NetError."""
    connection = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    try:
        connection.bind((0, groups))
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, receive_buffer)
    except OSError as error:
        connection.close()
        raise NetError(f"netlink is not usable ({error.strerror}): this needs root, or CAP_NET_ADMIN") from error
    return connection


def ask(request: bytes) -> Iterator[Message]:
    """Send one request and give back its answer: one message, or all of a dump. Blocks for about a millisecond.

    Raises OSError with the kernel's errno.
    """
    dump = HEADER.unpack_from(request)[2] & NLM_F_DUMP == NLM_F_DUMP
    with open_socket() as connection:
        connection.send(request)
        while True:
            for message in messages(connection.recv(1 << 16)):
                if message.type == NLMSG_DONE:
                    return
                if message.type == NLMSG_ERROR:
                    if code := decode_error(message.body):
                        raise OSError(code, os.strerror(code))
                    return
                yield message
                if not dump:
                    return


def link(name: str) -> Link:
    """The NIC of this name. Raises NetError if there is none."""
    try:
        return decode_link(next(ask(get_link(name))).body)
    except OSError as error:
        present = ", ".join(name for _, name in socket.if_nameindex())
        raise NetError(f"there is no NIC {name} here; there are {present}") from error


def _family(address: bytes) -> int:
    return socket.AF_INET if len(address) == 4 else socket.AF_INET6


def request(kind: int, flags: int, body: bytes, *wanted: tuple[int, bytes], sequence: int = 0) -> bytes:
    """One message, with these attributes behind its fixed body."""
    for attribute, value in wanted:
        body += ATTRIBUTE.pack(4 + len(value), attribute) + value + b"\0" * (-len(value) % 4)
    return HEADER.pack(HEADER.size + len(body), kind, NLM_F_REQUEST | flags, sequence, 0) + body
