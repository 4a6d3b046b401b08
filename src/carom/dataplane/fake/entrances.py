"""Ports, and whose they are: the lookup of a service as IPVS does it, and who gets another's ports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from carom.core.plan import ServicePlan
from carom.model import Address, Ports

Entrance = tuple[int, Ports, str]
"""A protocol and ports, and the name of the service behind them."""


def entrances_of(plans: Iterable[ServicePlan]) -> dict[Address, list[Entrance]]:
    """By VIP."""
    found: dict[Address, list[Entrance]] = {}
    for plan in plans:
        found.setdefault(plan.vip, []).extend((ports.protocol.number, ports, plan.name) for ports in plan.ports)
    return found


def owner(entrances: Iterable[Entrance], protocol: int, port: int) -> str | None:
    """An exact port comes first, then a range, then all ports."""
    found = [
        (ports.last - ports.first, number, service)
        for number, (its, ports, service) in enumerate(entrances)
        if its == protocol and ports.first <= port <= ports.last
    ]
    return min(found)[2] if found else None


def heirs(before: Mapping[Address, list[Entrance]], after: Mapping[Address, list[Entrance]]) -> dict[str, set[str]]:
    """The services that get ports of others, and these others; ranges count though each port has another owner."""
    found: dict[str, set[str]] = {}
    for vip, entrances in after.items():
        sides = before.get(vip, []), entrances
        wide = [[entrance for entrance in side if not entrance[1].is_single] for side in sides]
        singles = {(its, ports.first) for side in sides for its, ports, _ in side if ports.is_single}
        bounds = {(its, port) for side in wide for its, ports, _ in side for port in (1, ports.first, ports.last + 1)}
        pairs = [
            *((owner(sides[0], *place), owner(sides[1], *place)) for place in singles),
            *((owner(wide[0], *place), owner(wide[1], *place)) for place in bounds if 0 < place[1] <= 65535),
        ]
        for old, new in pairs:
            if old and new and old != new:
                found.setdefault(new, set()).add(old)
    return found
