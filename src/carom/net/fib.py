"""rtnetlink's messages about policy rules and routes: values in, bytes out, and back.

linux/fib_rules.h, linux/rtnetlink.h, rtnetlink(7). The rest of the protocol is in `carom.net.rtnetlink`.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

from carom.errors import NetError
from carom.net import rtnetlink
from carom.net.rtnetlink import NLM_F_CREATE, NLM_F_DUMP, attributes, request

RULE_BODY = struct.Struct("=BBBBBxxBI")
"""struct fib_rule_hdr: family, dst_len, src_len, tos, table, action, flags."""
ROUTE_BODY = struct.Struct("=BBBBBBBBI")
"""struct rtmsg: family, dst_len, src_len, tos, table, protocol, scope, type, flags."""
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE = 32, 33, 34
FRA_GOTO, FRA_PRIORITY, FRA_FWMARK, FRA_TABLE, FRA_FWMASK, FRA_PROTOCOL = 4, 6, 10, 15, 16, 21
FIB_RULE_INVERT = 2
RTA_DST, RTA_GATEWAY, RTA_TABLE = 1, 5, 15
RTN_UNICAST = 1
RT_TABLE_COMPAT = 252
"""What stands in the table's byte when its number needs the attribute."""
SOL_NETLINK, NETLINK_GET_STRICT_CHK = 270, 12
"""The kernel filters a dump by what its request names, instead of by nothing (Linux 4.20)."""
BATCH = 64
"""Requests sent at once: their errors fit into the smallest receive buffer."""


class Action(IntEnum):
    """What a rule does with what it matches."""

    LOOKUP = 1
    GOTO = 2
    NOP = 3
    UNREACHABLE = 7


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy rule that matches by mark."""

    family: int
    priority: int
    action: Action
    mark: int = 0
    mask: int = 0
    table: int = 0
    """With LOOKUP."""
    goto: int = 0
    """With GOTO: the priority of the rule to go on with."""
    inverted: bool = False
    """Whether it matches what does not have the mark."""


@dataclass(frozen=True, slots=True)
class Route:
    """A route to one address via one neighbour."""

    table: int
    destination: bytes
    """4 or 16 bytes."""
    gateway: bytes

    @property
    def family(self) -> int:
        return socket.AF_INET if len(self.destination) == 4 else socket.AF_INET6


Entry = TypeVar("Entry", Rule, Route)

# ---- to the kernel ----


def add(entries: Sequence[Entry], protocol: int) -> dict[Entry, int]:
    """Add all of them in this order; those that the kernel refused, each with its errno."""
    return _write(entries, (RTM_NEWRULE, RTM_NEWROUTE), protocol)


def remove(entries: Sequence[Entry], protocol: int) -> dict[Entry, int]:
    """Remove all of them in this order; those that the kernel refused, each with its errno."""
    return _write(entries, (RTM_DELRULE, RTM_DELROUTE), protocol)


def _write(entries: Sequence[Entry], kinds: tuple[int, int], protocol: int) -> dict[Entry, int]:
    failed: dict[Entry, int] = {}
    with rtnetlink.open_socket() as connection:
        for start in range(0, len(entries), BATCH):
            batch = entries[start : start + BATCH]
            requests = [_message(entry, kinds, protocol, sequence) for sequence, entry in enumerate(batch)]
            connection.send(b"".join(requests))
            failed.update((batch[sequence], code) for sequence, code in _errors(connection))
    return failed


def _errors(connection: socket.socket) -> Iterator[tuple[int, int]]:
    """Sequence and errno of what went wrong. The kernel works inside send(2), and is silent about what went well."""
    while True:
        try:
            data = connection.recv(1 << 16, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        for message in rtnetlink.messages(data):
            if message.type == rtnetlink.NLMSG_ERROR:
                yield message.sequence, rtnetlink.decode_error(message.body)


def _message(entry: Rule | Route, kinds: tuple[int, int], protocol: int, sequence: int) -> bytes:
    if isinstance(entry, Rule):
        return _rule(kinds[0], entry, protocol, sequence)
    return _route(kinds[1], entry, protocol, sequence)


def _rule(kind: int, rule: Rule, protocol: int, sequence: int) -> bytes:
    body = RULE_BODY.pack(rule.family, 0, 0, 0, 0, rule.action, FIB_RULE_INVERT if rule.inverted else 0)
    wanted = [(FRA_PRIORITY, _u32(rule.priority)), (FRA_PROTOCOL, bytes((protocol,)))]
    if rule.mask:
        wanted += [(FRA_FWMARK, _u32(rule.mark)), (FRA_FWMASK, _u32(rule.mask))]
    if rule.action is Action.LOOKUP:
        wanted.append((FRA_TABLE, _u32(rule.table)))
    if rule.action is Action.GOTO:
        wanted.append((FRA_GOTO, _u32(rule.goto)))
    return request(kind, NLM_F_CREATE, body, *wanted, sequence=sequence)


def _route(kind: int, route: Route, protocol: int, sequence: int) -> bytes:
    length = 8 * len(route.destination)
    body = ROUTE_BODY.pack(route.family, length, 0, 0, RT_TABLE_COMPAT, protocol, 0, RTN_UNICAST, 0)
    wanted = ((RTA_DST, route.destination), (RTA_GATEWAY, route.gateway), (RTA_TABLE, _u32(route.table)))
    return request(kind, NLM_F_CREATE, body, *wanted, sequence=sequence)


def _u32(number: int) -> bytes:
    return struct.pack("=I", number)


# ---- from the kernel ----


def rules(family: int, protocol: int) -> Iterator[Rule]:
    """Every rule by mark that this protocol made."""
    question = request(RTM_GETRULE, NLM_F_DUMP, RULE_BODY.pack(family, 0, 0, 0, 0, 0, 0))
    for body in _dump(question, RTM_NEWRULE, family):
        found = attributes(body, RULE_BODY.size)
        action, flags = RULE_BODY.unpack_from(body)[-2:]
        if found.get(FRA_PROTOCOL) == bytes((protocol,)) and action in set(Action):
            mark, mask, table, goto = (_number(found, one) for one in (FRA_FWMARK, FRA_FWMASK, FRA_TABLE, FRA_GOTO))
            inverted = bool(flags & FIB_RULE_INVERT)
            table = table if action == Action.LOOKUP else 0
            yield Rule(family, _number(found, FRA_PRIORITY), Action(action), mark, mask, table, goto, inverted)


def routes(family: int, protocol: int) -> Iterator[Route]:
    """Every route of one address via one neighbour that this protocol made, in whichever table."""
    question = request(RTM_GETROUTE, NLM_F_DUMP, ROUTE_BODY.pack(family, 0, 0, 0, 0, protocol, 0, 0, 0))
    for body in _dump(question, RTM_NEWROUTE, family):
        found = attributes(body, ROUTE_BODY.size)
        if RTA_DST in found and RTA_GATEWAY in found:
            yield Route(_number(found, RTA_TABLE), found[RTA_DST], found[RTA_GATEWAY])


def _without_family(code: int) -> None:
    """A host without IPv6 has none of its rules and routes."""
    if code not in (errno.EAFNOSUPPORT, errno.EOPNOTSUPP):
        raise NetError(f"the kernel's rules and routes cannot be read: {os.strerror(code)}")


def _number(found: dict[int, bytes], attribute: int) -> int:
    return int.from_bytes(found.get(attribute, b""), sys.byteorder)


def _dump(question: bytes, kind: int, family: int) -> Iterator[bytes]:
    """The bodies of the messages of this kind and family that answer."""
    with rtnetlink.open_socket() as connection:
        connection.setsockopt(SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)
        connection.send(question)
        while True:
            for message in rtnetlink.messages(connection.recv(1 << 16)):
                if message.type == rtnetlink.NLMSG_DONE:
                    return
                if message.type == rtnetlink.NLMSG_ERROR:
                    _without_family(rtnetlink.decode_error(message.body))
                    return
                if message.type == kind and message.body[0] == family:
                    yield message.body
