"""Ways to one VIP by way of each real server: what a health check of the VIP travels on.

A check must go as a user's packet goes: to the VIP, with the MAC of one chosen real server. An ordinary socket does
that if its mark (SO_MARK) selects a routing table in which the VIP lies behind that real server:

    20400: not mark 0xca00000/0xfff00000 goto 20403     everybody else's packets: past all this in one step
    20401: mark 0xca00001 lookup 0xca00001              one rule and one table per real server; in the table,
    20401: mark 0xca00002 lookup 0xca00002                  a route `VIP via RIP` for each of its VIPs
    ...
    20402: mark 0xca00000/0xfff00000 unreachable        a check without its route must not find another way
    20403: nop

All of it belongs to us: priorities 20400 to 20403, marks and tables 0xca00001 to 0xcafffff, and the protocol number
0xCA on every rule and route. The kernel's tables are the only memory: each wish is compared with what is there, so a
restart finds its ways again, and routes that the kernel dropped with a link are laid again by wishing the same.

The VIP must be no address of the director's own: its local table comes first. With two NICs, `rp_filter` on the real
servers' NIC must be 0 or 2, as replies come from an address that is routed by the other NIC.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_address
from itertools import count

from carom.errors import NetError
from carom.model import Address
from carom.net import fib
from carom.net.fib import Action, Route, Rule

log = logging.getLogger(__name__)

PROTOCOL = 0xCA
BASE, MASK = 0x0CA00000, 0xFFF00000
"""The marks' common part; the rest is a real server's number, from 1. A table has its mark's number."""
GUARD, WAYS, FENCE, END = 20400, 20401, 20402, 20403
"""Priorities of the rules above."""
FAMILIES = (socket.AF_INET, socket.AF_INET6)

Path = tuple[Address, Address]
"""A VIP, and the real server by way of which it shall be reached."""


def want(paths: frozenset[Path]) -> Mapping[Path, int]:
    """Lay these ways and no others; the mark of each, but for those that the kernel refuses.

    It refuses a real server that is on none of the director's segments. Blocks, for about 40 µs a way. Raises NetError
    if nothing can be read or written at all.
    """
    present_rules, present_routes = _present()
    tables = _tables({real.packed for _, real in paths}, present_routes)
    routes = {Route(tables[real.packed], vip.packed, real.packed): (vip, real) for vip, real in paths}
    rules = set(_rules({route.family for route in routes}, {(route.family, route.table) for route in routes}))
    _delete(present_rules - rules, present_routes - routes.keys())
    refused = _add(rules - present_rules, routes.keys() - present_routes)
    for route, code in refused.items():
        log.warning("no way to %s by way of %s: %s", *routes[route], os.strerror(code))
    return {path: route.table for route, path in routes.items() if route not in refused}


@contextmanager
def borrowed(paths: frozenset[Path]) -> Iterator[Mapping[Path, int]]:
    """These ways for a while, beside those that are there, and then without those that were not. Raises NetError."""
    before = _laid()
    marks = want(before | paths)
    try:
        yield {path: marks[path] for path in paths if path in marks}
    finally:
        want(_laid() - (paths - before))


def _laid() -> frozenset[Path]:
    return frozenset((ip_address(route.destination), ip_address(route.gateway)) for route in _present()[1])


def release() -> int:
    """Take all ways away, whoever laid them; how many there were."""
    present_rules, present_routes = _present()
    _delete(present_rules, present_routes)
    return len(present_routes)


def _present() -> tuple[set[Rule], set[Route]]:
    rules = {rule for family in FAMILIES for rule in fib.rules(family, PROTOCOL)}
    routes = {route for family in FAMILIES for route in fib.routes(family, PROTOCOL)}
    return rules, {route for route in routes if route.table & MASK == BASE}


def _tables(reals: set[bytes], present: set[Route]) -> dict[bytes, int]:
    """The table of each real server: the one that it has, or else one that nobody has."""
    owners: dict[int, bytes] = {}
    for route in sorted(present, key=lambda route: (route.table, route.gateway)):
        owners.setdefault(route.table, route.gateway)
    tables = {real: table for table, real in owners.items() if real in reals}
    free = (BASE + number for number in count(1) if BASE + number not in owners)
    return tables | {real: next(free) for real in sorted(reals - tables.keys())}


def _rules(families: set[int], ways: set[tuple[int, int]]) -> Iterator[Rule]:
    """The rules above: the frame of each family, and its ways by their tables."""
    for family in families:
        yield Rule(family, GUARD, Action.GOTO, BASE, MASK, goto=END, inverted=True)
        yield Rule(family, FENCE, Action.UNREACHABLE, BASE, MASK)
        yield Rule(family, END, Action.NOP)
    for family, table in ways:
        yield Rule(family, WAYS, Action.LOOKUP, mark=table, mask=0xFFFFFFFF, table=table)


def _delete(rules: set[Rule], routes: set[Route]) -> None:
    """What has gone by itself meanwhile is no fault. The guards are the last to go."""
    last_first = sorted(rules, key=lambda rule: (rule.priority == WAYS, rule.priority), reverse=True)
    _require(fib.remove(list(routes), PROTOCOL).items(), harmless={errno.ESRCH, errno.ENOENT})
    _require(fib.remove(last_first, PROTOCOL).items(), harmless={errno.ESRCH, errno.ENOENT})


def _add(rules: set[Rule], routes: set[Route]) -> dict[Route, int]:
    """The routes that the kernel refuses, each with its errno. The guards are the first to come."""
    first_first = sorted(rules, key=lambda rule: (rule.priority == WAYS, rule.priority))
    _require(fib.add(first_first, PROTOCOL).items(), harmless={errno.EEXIST})
    failed = fib.add(list(routes), PROTOCOL)
    _require(((route, code) for route, code in failed.items() if code == errno.EPERM), harmless=set())
    return {route: code for route, code in failed.items() if code != errno.EEXIST}


def _require(failed: Iterable[tuple[Rule | Route, int]], harmless: set[int]) -> None:
    for entry, code in failed:
        if code not in harmless:
            raise NetError(f"the kernel refuses {entry}: {os.strerror(code)}; this needs root, or CAP_NET_ADMIN")
