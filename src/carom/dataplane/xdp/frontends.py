"""Frontends: from a plan's ports to the keys by which a packet finds its service.

A single port has a key of its own. Ranges, and a service of all ports, share the key of port 0 of their VIP and
protocol: it is asked when a port has none of its own, so an exact port comes before a range, and a range before "all".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from carom.core.plan import Plan
from carom.dataplane.xdp.layout import RANGE_LAST, RANGES_MAX, frontend_behind, frontend_key, frontend_port
from carom.errors import DataPlaneError
from carom.model import Address


@dataclass(slots=True)
class FrontendPlan:
    """What one key shall lead to."""

    vip: int
    service: int = 0
    """0: none, only ranges."""
    ranges: list[int] = field(default_factory=list)
    """`struct range`, as one word each; the last says that it is."""


def frontends_of(
    plan: Plan, service_number: Callable[[str], int], vip_number: Callable[[tuple[Address, int]], int]
) -> dict[bytes, FrontendPlan]:
    """Every key of the plan. Raises DataPlaneError where one VIP has more ranges than the program looks through."""
    wish: dict[bytes, FrontendPlan] = {}
    for service in plan.services:
        number = service_number(service.name)
        for ports in service.ports:
            protocol = ports.protocol.number
            place = frontend_key(service.vip, ports.first if ports.is_single else 0, protocol)
            frontend = wish.setdefault(place, FrontendPlan(vip_number((service.vip, protocol))))
            if ports.is_single or ports.is_all:
                frontend.service = number
            else:
                frontend.ranges.append(ports.first | ports.last << 16 | number << 32)
            if len(frontend.ranges) > RANGES_MAX:
                raise DataPlaneError(f"{service.vip} has more than {RANGES_MAX} port ranges of {ports.protocol}")
    for frontend in wish.values():
        if frontend.ranges:
            frontend.ranges[-1] |= RANGE_LAST << 32
    return wish


Ways = Callable[[bytes], tuple[int, Sequence[int]]]
"""What a key leads to: a service, 0 if to none, and ranges, as in FrontendPlan."""


def heirs(places: Iterable[bytes], now: Ways, then: Ways) -> dict[int, set[int]]:
    """The services that get ports of others, and these others. `places` are the keys that lead elsewhere then."""
    found: dict[int, set[int]] = {}
    for place in places:
        for port in _samples(place, now, then):
            old, new = _owner(place, port, now), _owner(place, port, then)
            if old and new and old != new:
                found.setdefault(new, set()).add(old)
    return found


def _samples(place: bytes, now: Ways, then: Ways) -> Iterable[int]:
    """A key's port; of the key of ranges, one port of each piece that has one owner now, and one then."""
    if port := frontend_port(place):
        return (port,)
    ranges = [*now(place)[1], *then(place)[1]]
    bounds = {1, *(word & 0xFFFF for word in ranges), *((word >> 16 & 0xFFFF) + 1 for word in ranges)}
    return bounds - {0, 65536}


def _owner(place: bytes, port: int, ways: Ways) -> int:
    """The service that a packet for this port finds by a key; 0: none."""
    if frontend_port(place) and (service := ways(place)[0]):
        return service
    rest, ranges = ways(frontend_behind(place))
    within = (word >> 32 & ~RANGE_LAST for word in ranges if word & 0xFFFF <= port <= word >> 16 & 0xFFFF)
    return next(within, rest)
