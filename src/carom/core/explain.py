"""Why a client goes where it goes: what is asked, what a data plane sees of it, and both in words.

    Question ──DataPlane.explain──> Sight ──explanation──> a document, with a sentence for each thing

A sight is of one moment, and of the first packet of a connection: a SYN, or a datagram.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import Any

from carom.core.plan import Plan, RealPlan, ServicePlan
from carom.model import Address, OnNoReal, Ports, Protocol, Scheduler

Document = dict[str, Any]


class Step(StrEnum):
    """How the real server was found, or why there is none; `enum step` in `bpf/explain.h`, in its order."""

    NO_VIP = "no_vip"
    NO_SERVICE = "no_service"
    FLOW = "flow"
    """The flow is known."""
    SLOT = "slot"
    """Its slot of the consistent-hash table, in which nobody needs an entry."""
    MOVED = "moved"
    """A slot that changed lately: flows that begin go to one real server, old ones to another."""
    TEMPLATE = "template"
    """Its client is persistent."""
    SCHEDULED = "scheduled"
    """The scheduler's choice."""
    FULL = "full"
    """The flow table has no room for it: by consistent hash."""


@dataclass(frozen=True, slots=True)
class Question:
    """Where would the first packet of this connection go?"""

    client: Address
    client_port: int
    vip: Address
    vip_port: int
    protocol: Protocol


@dataclass(frozen=True, slots=True)
class FlowSeen:
    """The entry of this very flow, which lives."""

    real: Address
    state: str
    idle: int
    remaining: int


@dataclass(frozen=True, slots=True)
class TemplateSeen:
    """The template of the client, which lives."""

    real: Address
    idle: int
    """Seconds since a flow began by it."""
    flows: int
    """How many hold it."""


@dataclass(frozen=True, slots=True)
class Runner:
    """A real server as the scheduler sees it."""

    address: Address
    weight: int
    """0: it gets no new flows."""
    active: int = 0
    inactive: int = 0
    overloaded: bool = False
    share: float | None = None
    """Of a hash scheduler's table."""

    @property
    def usable(self) -> bool:
        return self.weight > 0 and not self.overloaded


@dataclass(frozen=True, slots=True)
class Sight:
    """What a data plane sees of a question."""

    step: Step
    service: str | None = None
    real: Address | None = None
    """Where the packet goes; None: nowhere."""
    mac: bytes | None = None
    """The MAC to which it leaves."""
    scheduled: Address | None = None
    """Whom the scheduler would give a new flow; None: nobody."""
    flow: FlowSeen | None = None
    template: TemplateSeen | None = None
    stray: Address | None = None
    """Where a packet of no known flow goes that does not begin one: by consistent hash."""
    runners: tuple[Runner, ...] = ()
    """In the scheduler's order."""


# ---- asking ----


def question(client: str, target: str) -> Question:
    """`203.0.113.7:41000` and `192.168.76.24:80/tcp`. Raises ValueError with a sentence."""
    where, slash, protocol = target.partition("/")
    protocol = protocol if slash else Protocol.TCP
    if protocol not in tuple(Protocol):
        *some, last = (f"{where[:60]}/{one}" for one in Protocol)
        raise ValueError(f"to: {protocol[:20]!r} is no protocol that is balanced; write {', '.join(some)} or {last}")
    from_, to = _end(client, "from"), _end(where, "to")
    if from_[0].version != to[0].version:
        raise ValueError(f"from: {from_[0]} and {to[0]} are of different families: nobody can send that")
    return Question(*from_, *to, Protocol(protocol))


def _end(text: str, what: str) -> tuple[Address, int]:
    address, _, port = text.rpartition(":")
    bracketed = address.startswith("[") and address.endswith("]")
    try:
        found: Address | None = ip_address(address[1:-1] if bracketed else address)
    except ValueError:
        found = None
    is_port = port.isascii() and port.isdecimal() and 0 < int(port[:6]) < 65536
    if found is None or bracketed != (found.version == 6) or not is_port:
        example = "192.0.2.1:41000 or [2001:db8::1]:41000" if what == "from" else "192.0.2.24:80/tcp"
        raise ValueError(f"{what}: {text[:60]!r} is no address with a port; write it as {example}")
    return found, int(port)


# ---- answering ----

RULES = {
    Scheduler.RR: "in turn",
    Scheduler.WRR: "in turn, by weight",
    Scheduler.LC: "least overhead (256 x active + inactive)",
    Scheduler.WLC: "least overhead (256 x active + inactive) for its weight",
    Scheduler.LBLC: "the VIP's home, unless that is crowded; else least overhead for its weight",
    Scheduler.LBLCR: "the least loaded of the VIP's homes, unless that is crowded; else least overhead for its weight",
    Scheduler.DH: "by the VIP's hash",
    Scheduler.SH: "by the client's hash",
    Scheduler.MH: "by the client's hash",
    Scheduler.SED: "least (active + 1) for its weight",
    Scheduler.NQ: "the first without an active connection; else least (active + 1) for its weight",
    Scheduler.FO: "the heaviest",
    Scheduler.OVF: "the heaviest with no more active connections than it weighs",
    Scheduler.TWOS: "two drawn by weight, the one with less overhead for its weight; another draw may differ",
}
_OVERHEADS = frozenset({Scheduler.WLC, Scheduler.LBLC, Scheduler.LBLCR, Scheduler.TWOS})
_DELAYS = frozenset({Scheduler.SED, Scheduler.NQ})
_HEAVIEST = frozenset({Scheduler.FO, Scheduler.OVF})

_ENDS = {
    OnNoReal.UNREACHABLE: "the client is told so by ICMP",
    OnNoReal.DROP: "the packet is dropped in silence",
}

Obstacle = Callable[[str, Address], str]
"""Why a service's real server is not up; empty where it is."""


def overhead(runner: Runner) -> int:
    """What its flows cost it, as IPVS counts."""
    return runner.active * 256 + runner.inactive


def score(scheduler: Scheduler, runner: Runner) -> float | None:
    """The number by which the scheduler compares it; None: it compares none, or it is not compared."""
    if runner.share is not None:
        return runner.share
    if not runner.usable:
        return None
    if scheduler is Scheduler.LC:
        return overhead(runner)
    if scheduler in _OVERHEADS:
        return overhead(runner) / runner.weight
    if scheduler in _DELAYS:
        return (runner.active + 1) / runner.weight
    return runner.weight if scheduler in _HEAVIEST else None


def explanation(
    asked: Question, seen: Sight, plan: Plan, obstacle: Obstacle = lambda *_: "", *, live: bool = True
) -> Document:
    """All of it, in words. Without `live` nothing is known of the network: MACs, health and flows."""
    service = next((one for one in plan.services if one.name == seen.service), None)
    return {
        "live": live,
        "client": str(asked.client),
        "client_port": asked.client_port,
        "vip": str(asked.vip),
        "vip_port": asked.vip_port,
        "protocol": asked.protocol.value,
        "verdict": _verdict(seen, service, live=live),
        "reason": _reason(asked, seen, plan, service, live=live),
        "step": seen.step.value,
        "real": _text(seen.real),
        "mac": seen.mac.hex(":") if seen.mac and live else None,
        "vlan": planned.vlan if (planned := _planned(seen.real, service)) else None,
        "service": None if service is None else _service(asked, service),
        "flow": seen.flow
        and {
            "real": str(seen.flow.real),
            "state": seen.flow.state,
            "idle": seen.flow.idle,
            "remaining": seen.flow.remaining,
        },
        "template": seen.template
        and {"real": str(seen.template.real), "idle": seen.template.idle, "flows": seen.template.flows},
        "scheduled": _text(seen.scheduled),
        "stray": _text(seen.stray),
        "candidates": [] if service is None else [_candidate(one, seen, service, obstacle) for one in seen.runners],
    }


def _text(address: Address | None) -> str | None:
    return None if address is None else str(address)


def _is_local(seen: Sight, service: ServicePlan | None) -> bool:
    """Whether it is the director itself that the packet is for."""
    planned = _planned(seen.real, service)
    return planned is not None and planned.local


def _planned(address: Address | None, service: ServicePlan | None) -> RealPlan | None:
    """What the plan says of a service's real server; None: it is in the service no more."""
    everyone = () if service is None else (*service.reals, *((service.sorry,) if service.sorry else ()))
    return next((one for one in everyone if one.address == address), None)


def _verdict(seen: Sight, service: ServicePlan | None, *, live: bool) -> str:
    if seen.step in (Step.NO_VIP, Step.NO_SERVICE):
        return {Step.NO_VIP: "not_vip"}.get(seen.step, "no_service")
    if seen.real is None:
        return "no_real"
    if _is_local(seen, service):
        return "local"
    return "no_mac" if live and seen.mac is None else "forwarded"


def matched(asked: Question, service: ServicePlan) -> Ports | None:
    """By which of its ports a service is found: the narrowest that has this one."""
    found = [
        ports
        for ports in service.ports
        if ports.protocol is asked.protocol and ports.first <= asked.vip_port <= ports.last
    ]
    return min(found, key=lambda ports: ports.last - ports.first, default=None)


def _service(asked: Question, service: ServicePlan) -> Document:
    ports = matched(asked, service)
    return {
        "name": service.name,
        "matched": "" if ports is None else str(ports),
        "scheduler": service.scheduler.value,
        "flags": sorted(flag.value for flag in service.scheduler_flags),
        "rule": RULES[service.scheduler],
        "persistence": service.persistence,
        "sorry": _text(service.sorry.address) if service.sorry else None,
    }


def _reason(asked: Question, seen: Sight, plan: Plan, service: ServicePlan | None, *, live: bool) -> str:
    where = f"{asked.protocol}/{asked.vip_port} of {asked.vip}"
    if seen.step is Step.NO_VIP:
        return f"{asked.vip} is no VIP of this director: the packet is left to the host"
    if service is None:
        ports = [str(one) for other in plan.services if other.vip == asked.vip for one in other.ports]
        return f"no service has {where}, only {_some(ports)}: the packet is left to the host"
    if seen.real is None:
        why = _some(_obstacles(seen, service)) or "it has none"
        return f"no real server of {service.name} can take it: {why}; {_ENDS[service.on_no_real]}"
    if _is_local(seen, service):
        return f"{_found(seen, service)}; that is this director itself, so the packet is left to the host, as it came"
    if live and seen.mac is None:
        return f"{seen.real}, whose it is, has no known MAC: the packet is dropped"
    return _found(seen, service)


def _found(seen: Sight, service: ServicePlan) -> str:
    real, rule = seen.real, RULES[service.scheduler]
    if seen.step is Step.FLOW and seen.flow:
        return f"the flow is known ({seen.flow.state}, last packet {seen.flow.idle} s ago) and stays with {real}"
    if seen.step is Step.TEMPLATE and seen.template:
        return (
            f"the client is persistent and has {real}: it began a flow {seen.template.idle} s ago, "
            f"{seen.template.flows} of its flows live; it stays for {service.persistence} s after the last that began"
        )
    if seen.step is Step.FULL:
        return f"the flow table has no room for another flow: by consistent hash it goes to {real}, remembered nowhere"
    if seen.step is Step.MOVED:
        return f"{service.scheduler}: its slot changed lately; as a flow that is first seen now it goes to {real}"
    if service.sorry and real == service.sorry.address:
        return f"the sorry server serves: too few real servers of {service.name} are up"
    return f"{service.scheduler} chooses {real}: {rule}"


def _obstacles(seen: Sight, service: ServicePlan) -> list[str]:
    whys = ((one.address, _why_not(one, seen, service, lambda *_: "")) for one in seen.runners)
    return [f"{address} {why}" for address, why in whys if why]


def _some(words: Iterable[str]) -> str:
    listed = list(words)
    return ", ".join(listed[:8]) + (f" and {len(listed) - 8} more" if len(listed) > 8 else "")


def _candidate(runner: Runner, seen: Sight, service: ServicePlan, obstacle: Obstacle) -> Document:
    found = score(service.scheduler, runner)
    return {
        "address": str(runner.address),
        "weight": runner.weight,
        "active": runner.active,
        "inactive": runner.inactive,
        "overhead": overhead(runner),
        "overloaded": runner.overloaded,
        "score": None if found is None else round(found, 4),
        "usable": runner.usable,
        "chosen": runner.address == seen.scheduled,
        "why": _why_not(runner, seen, service, obstacle),
    }


def _why_not(runner: Runner, seen: Sight, service: ServicePlan, obstacle: Obstacle) -> str:
    """Why it gets no new flows; empty where it may."""
    real = _planned(runner.address, service)
    if real is None:
        return "is in the service no more"
    if not real.schedulable:
        return obstacle(service.name, runner.address) or "is down" if real.mac or not real.up else "has no known MAC"
    if service.sorry and real is not service.sorry:
        return "waits while the sorry server serves"
    if not real.weight:
        return "has weight 0: no new connections"
    if runner.overloaded:
        return f"has reached its upper threshold, {real.upper}, and is not below {_lower(real)} yet"
    if service.scheduler is Scheduler.OVF and runner.active > runner.weight:
        return "has more active connections than it weighs"
    return ""


def _lower(real: RealPlan) -> str:
    return str(real.lower) if real.lower else f"three quarters of {real.upper}"
