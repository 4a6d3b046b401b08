"""Flows of the same client by the same ports, to two VIPs and by two protocols: the same key, often in one bucket.

The program looks for a flow by its key first; who it is shows afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from carom.core.plan import Plan, RealPlan, ServicePlan
from carom.dataplane.xdp.layout import TIMEOUTS, Bucket4, Bucket6
from carom.model import Ports, Protocol, Scheduler
from tests.dataplane import frames
from tests.dataplane.planes import Xdp

VIPS = {4: ("198.51.100.1", "198.51.100.2"), 6: ("2001:db8:66::1", "2001:db8:66::2")}
BUCKETS, CLIENTS, ROUNDS = 64, 30, 12
GONE = max(TIMEOUTS.values()) + 1
"""Seconds after which every flow has ended."""


@pytest.fixture
def xdp() -> Iterator[Xdp]:
    xdp = Xdp(flow_buckets=BUCKETS)
    yield xdp
    xdp.close()


def a_plan(family: int) -> Plan:
    first = ip_address("10.77.0.1" if family == 4 else "2001:db8:77::1")
    reals = tuple(RealPlan(first + n, 1, bytes((2, 0, 0, 0, 9, n))) for n in range(8))
    ports = tuple(Ports(protocol, 80, 80) for protocol in (Protocol.TCP, Protocol.UDP))
    return Plan(
        tuple(
            ServicePlan(f"web{number}", ip_address(vip), ports, Scheduler.RR, reals)
            for number, vip in enumerate(VIPS[family])
        )
    )


def packets(family: int, number: int, port: int, flags: str) -> list[bytes]:
    """One of each of a client's flows by this port."""
    client = f"192.0.2.{number}:{port}" if family == 4 else f"[2001:db8:1::{number}]:{port}"
    targets = [f"{vip}:80" if family == 4 else f"[{vip}]:80" for vip in VIPS[family]]
    return [*(frames.tcp(client, target, flags) for target in targets), *(frames.udp(client, t) for t in targets)]


def keys_that_stand_twice(xdp: Xdp, family: int) -> int:
    """In one bucket, of flows that live."""
    kind = Bucket4 if family == 4 else Bucket6
    buckets = (kind * BUCKETS).from_buffer_copy(xdp.loaded.maps[f"flows{family}"].memory())
    keys = (Counter(bytes(flow)[:-8] for flow in bucket.flows if flow.word & 0xFFFF) for bucket in buckets)
    return sum(found.total() - len(found) for found in keys)


@pytest.mark.parametrize("family", [4, 6])
def test_each_is_found_and_stays_where_it_is(xdp: Xdp, family: int) -> None:
    xdp.apply(a_plan(family))
    twice = 0
    for round_ in range(ROUNDS):
        xdp.at(1000 + round_ * GONE)
        homes = {}
        for number in range(1, CLIENTS + 1):
            for which, frame in enumerate(packets(family, number, 4000 + round_, "S")):
                end = xdp.send(frame)
                assert end.reason in ("forwarded", "table_full")
                if end.reason == "forwarded":
                    homes[number, which] = end.frame[:6]
                    xdp.send(packets(family, number, 4000 + round_, "A")[which])  # who is half-open may be evicted
        twice += keys_that_stand_twice(xdp, family)
        for number in range(1, CLIENTS + 1):
            for which, frame in enumerate(packets(family, number, 4000 + round_, "A")):
                if (number, which) in homes:
                    assert xdp.send(frame).frame[:6] == homes[number, which], (round_, number, which)
    assert twice, "there was something to confuse"
