"""The examination: every kind of finding, in an order in which each can use what earlier ones have shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Iterable, Mapping
from contextlib import ExitStack, asynccontextmanager, closing
from ipaddress import IPv4Interface

from carom.dataplane.xdp.layout import Settings, key
from carom.dataplane.xdp.libbpf import Map, open_pinned
from carom.doctor import misuse
from carom.doctor.case import Case, Told, reals_of
from carom.doctor.kinds import (
    arp_announce,
    arp_ignore,
    daemon,
    default_route,
    forwarding,
    local_vip,
    mtu,
    offload,
    path,
    return_path,
    rp_filter,
    second_director,
    server,
    xdp,
)
from carom.doctor.wire import Wire
from carom.errors import CaromError
from carom.finding import Finding, Verdict
from carom.model import Address, Config
from carom.net import interface, local, nic, viaroute
from carom.net.frames import NOBODY

Kind = Callable[[Case], Awaitable[list[Finding]]]
"""One kind of finding: it asks, waits, and says what it found."""

STAGES: tuple[tuple[Kind, ...], ...] = (
    (
        *(daemon.findings, xdp.findings, offload.findings, local_vip.findings, forwarding.findings),
        *(rp_filter.findings, server.findings, arp_ignore.findings, return_path.findings),
    ),
    (second_director.findings, path.findings),
    (arp_announce.findings, default_route.findings, mtu.findings),
)
"""Kinds of one stage are looked at side by side."""
SEVERITY = (Verdict.FAULT, Verdict.WARNING, Verdict.UNKNOWN, Verdict.OK)


async def examine(told: Told) -> tuple[Finding, ...]:
    """Look at everything; the worst first. Takes some four seconds. Raises NetError."""
    director = told.config.director
    for name in dict.fromkeys((director.interface, director.towards_reals)):
        look = interface.look(name)
        if look.mac is None or not look.up:
            evidence = f"it is {'down' if look.mac else 'not there'}: nothing passes by it, and nothing can be asked"
            return (Finding("interface", name, Verdict.FAULT, evidence, f"ip link set {name} up"),)
    async with opened(told) as case:
        found: list[Finding] = []
        for stage in STAGES:
            for each in await asyncio.gather(*(kind(case) for kind in stage)):
                found += each
        return conclude([*found, *misuse.findings(case)])


def conclude(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each thing once, as the worst that was seen of it; the worst of all first."""
    worst: dict[tuple[str, str, str], Finding] = {}
    for each in sorted(found, key=lambda each: SEVERITY.index(each.verdict)):
        worst.setdefault((each.name, each.subject, each.server), each)
    return tuple(worst.values())


@asynccontextmanager
async def opened(told: Told) -> AsyncIterator[Case]:
    """A case with its wires and its ways, all given up at the end."""
    director = told.config.director
    names = tuple(dict.fromkeys((director.interface, director.towards_reals)))
    here = local.addresses()
    with ExitStack() as held:
        wires = [held.enter_context(closing(_wire(name, told.config, here))) for name in names]
        marks = held.enter_context(viaroute.borrowed(_paths(told.config, here)))
        addresses, mtu = interface.look(names[-1]).addresses, min(map(nic.mtu, names))
        yield Case(told, addresses, here, mtu, wires[0], wires[-1], marks, _answering(told))


def _wire(name: str, config: Config, here: Mapping[Address, local.Place]) -> Wire:
    own = interface.look(name).addresses
    neighbour = next((address.ip for address in own if isinstance(address, IPv4Interface)), NOBODY)
    return Wire(name, config.vips, here.keys() - set(config.vips), neighbour)


def _paths(config: Config, here: Container[Address]) -> frozenset[viaroute.Path]:
    """A way to each VIP on each real server, but for those that the director's own local table would keep."""
    named = {(service.vip, real) for service in config.services for real in reals_of(service)}
    return frozenset((vip, real) for vip, real in named if vip not in here and real not in here)


def _answering(told: Told) -> bool | None:
    """Whether this director answers for the VIPs: by the daemon's word, or by what it has left in the kernel."""
    if told.status is not None:
        return bool(told.status["director"]["answering"])
    try:
        settings = Map(open_pinned(told.pins / "maps" / "settings", "map"))
    except CaromError:
        return None
    try:
        return bool(Settings.from_buffer_copy(settings.get(key(0)) or b"").answering)
    except ValueError:
        return None
    finally:
        settings.close()
