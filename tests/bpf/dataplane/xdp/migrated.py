"""What goes from one layout to another in tests: a plan of every kind, packets of it, and all that is known then."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from carom.core.flows import Flow, Wanted
from carom.core.plan import Plan, RealPlan
from carom.dataplane.xdp.plane import XdpDataPlane
from carom.model import Ports, Protocol, Scheduler
from tests.dataplane import plans
from tests.dataplane.frames import tcp, udp

BUCKETS = 256
ACTIVE = frozenset({"established", "syn-sent", "syn-recv", "synack"})


def plan(left: Scheduler = Scheduler.RR) -> Plan:
    """Services that count, hash, keep their clients, and of both families; one of them has left its hash."""
    return plans.plan(
        plans.service(left, name="left", vip=plans.OTHER_VIP, ports=(Ports(Protocol.TCP, 9000, 9000),)),
        plans.service(Scheduler.WLC, *weighed(plans.REALS)),
        plans.service(Scheduler.RR, name="dns", ports=(plans.DNS, Ports(Protocol.UDP, 5000, 5999))),
        replace(plans.service(Scheduler.WRR, name="kept", vip=plans.OTHER_VIP), persistence=300),
        plans.service(Scheduler.MH, name="hashed", vip=plans.OTHER_VIP, ports=(Ports(Protocol.TCP, 8000, 8000),)),
        plans.service(Scheduler.RR, name="six", vip=plans.VIP6),
    )


def weighed(addresses: tuple[str, ...]) -> tuple[RealPlan, ...]:
    return tuple(replace(plans.real(address, weight), upper=1000) for weight, address in enumerate(addresses, 1))


def frames(first: int, count: int, *segments: str) -> list[bytes]:
    """What so many clients send to each service: these, or a SYN, an ACK and every third a FIN."""
    sent = []
    for number in range(first, first + count):
        client, client6 = f"10.0.{number >> 8}.{number & 255}:1025", f"[2001:db8::{number:x}]:1025"
        ends = (
            *((client, f"{plans.VIP}:80"), (client, f"{plans.OTHER_VIP}:443"), (client, f"{plans.OTHER_VIP}:8000")),
            (client6, f"[{plans.VIP6}]:80"),
        )
        for flags in segments or (("S", "A", "FA") if number % 3 == 0 else ("S", "A")):
            sent += [tcp(source, target, flags) for source, target in ends]
        sent += [udp(client, f"{plans.VIP}:{port}") for port in (53, 5353)]
    return sent


def left(segment: str) -> list[bytes]:
    """What clients send of whom nothing is remembered, since they came when that service went by its hash."""
    return [tcp(f"10.1.0.{number}:1025", f"{plans.OTHER_VIP}:9000", segment) for number in range(1, 31)]


def known(plane: XdpDataPlane) -> dict[str, Any]:
    """Flows by their ends, and what real servers have of them, as JSON has it."""
    flows = list(all_flows(plane))
    reading = plane.read()
    return {
        "flows": {
            f"{flow.client} {flow.client_port} {flow.vip} {flow.vip_port}": [
                *(flow.service, str(flow.real), flow.state, flow.persistent)
            ]
            for flow in flows
        },
        "counted": {f"{real.service} {real.address}": [real.active, real.inactive] for real in reading.reals},
        "sent": {f"{real.service} {real.address}": [real.new_flows, real.counter.packets] for real in reading.reals},
        "stray": sum(reason.counter.packets for reason in reading.reasons if reason.name == "stray"),
    }


def all_flows(plane: XdpDataPlane) -> list[Flow]:
    found, place = list[Flow](), 0
    while True:
        slice_ = plane.flows(Wanted(), place, 10_000)
        found += slice_.flows
        if slice_.next is None:
            return found
        place = slice_.next


def census(told: dict[str, Any]) -> dict[str, list[int]]:
    """Active and inactive flows of each real server, counted one by one."""
    tally = Counter((f"{service} {real}", state in ACTIVE) for service, real, state, _ in told["flows"].values())
    return {real: [tally[real, True], tally[real, False]] for real in told["counted"]}
