"""Plans of the packet tests: the chapter's network, in small variations."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import ip_address

from carom.core.plan import Plan, RealPlan, ServicePlan
from carom.model import OnDown, OnNoReal, Ports, Protocol, Scheduler

VIP = "192.168.76.24"
OTHER_VIP = "192.168.76.25"
REALS = ("192.168.76.31", "192.168.76.32", "192.168.76.33")
SORRY = "192.168.76.39"
VIP6, OTHER_VIP6 = "2001:db8:76::24", "2001:db8:76::25"
REALS6 = ("2001:db8:76::31", "2001:db8:76::32", "2001:db8:76::33")
HTTP = Ports(Protocol.TCP, 80, 80)
HTTPS = Ports(Protocol.TCP, 443, 443)
SIGNALS = Ports(Protocol.SCTP, 2905, 2905)
DNS = Ports(Protocol.UDP, 53, 53)


def mac(address: str) -> bytes:
    """Each real server's MAC ends as its address does."""
    return bytes((2, 0, 0, 0, 1, int(re.split("[.:]", address)[-1])))


def real(address: str, weight: int = 1, *, up: bool = True, known: bool = True) -> RealPlan:
    return RealPlan(ip_address(address), weight, mac(address) if known else None, up=up)


def service(
    scheduler: Scheduler = Scheduler.RR,
    *reals: RealPlan,
    name: str = "web",
    vip: str = VIP,
    ports: tuple[Ports, ...] = (HTTP, HTTPS),
    on_down: OnDown = OnDown.FINISH,
    on_no_real: OnNoReal = OnNoReal.DROP,
) -> ServicePlan:
    return ServicePlan(
        name,
        ip_address(vip),
        ports,
        scheduler,
        reals or _reals(vip),
        on_down=on_down,
        on_no_real=on_no_real,
        persistence_mask=_bits(vip),
    )


def _reals(vip: str) -> tuple[RealPlan, ...]:
    return tuple(real(address) for address in (REALS6 if ":" in vip else REALS))


def _bits(vip: str) -> int:
    return ip_address(vip).max_prefixlen


def own(address: str, weight: int = 1) -> RealPlan:
    """A real server that is the director itself."""
    return RealPlan(ip_address(address), weight, None, local=True)


def plan(*services: ServicePlan, answering: bool = True) -> Plan:
    return Plan(services or (service(), service(name="dns", ports=(DNS,))), answering)


def without(wish: ServicePlan, address: str) -> ServicePlan:
    return replace(wish, reals=tuple(real for real in wish.reals if str(real.address) != address))


def changed(wish: ServicePlan, address: str, **changes: object) -> ServicePlan:
    """The service with one real server changed."""
    return replace(
        wish,
        reals=tuple(
            replace(real, **changes) if str(real.address) == address else real  # type: ignore[arg-type]
            for real in wish.reals
        ),
    )
