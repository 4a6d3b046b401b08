"""Flows: states by IPVS's INPUT-ONLY table, timeouts, loads."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address

import pytest

from carom.dataplane.fake.flows import TIMEOUTS, Flow, Flows, state_after
from carom.dataplane.fake.packet import Ends, Segment

REAL = ip_address("192.168.76.31")


def ends(port: int = 1) -> Ends:
    return Ends(IPv4Address("10.0.0.1"), port, IPv4Address("192.168.76.24"), 80, 6)


@pytest.mark.parametrize(
    ("story", "state"),
    [
        ("syn", "SR"),
        ("syn ack", "ES"),
        ("syn ack fin", "FW"),
        ("syn ack fin ack", "FW"),
        ("syn ack rst", "CL"),
        ("syn fin", "TW"),
        ("syn rst", "SR"),
        ("syn ack fin syn", "SR"),
        ("ack", "ES"),
        ("syn none", "SR"),
    ],
)
def test_a_connections_story(story: str, state: str) -> None:
    now = "NO"
    for segment in story.split():
        now = state_after(now, Segment(segment))
    assert now == state


def test_a_datagram_is_udps_state_whatever_was_before() -> None:
    assert state_after("NO", Segment.DATAGRAM) == state_after("UDP", Segment.DATAGRAM) == "UDP"


@pytest.mark.parametrize("state", TIMEOUTS)
def test_a_flow_lives_as_long_as_its_state_allows(state: str) -> None:
    flow = Flow("web", REAL, state, seen=1000)
    assert not flow.has_ended(1000 + TIMEOUTS[state])
    assert flow.has_ended(1001 + TIMEOUTS[state])


def test_loads_count_who_lives() -> None:
    flows = Flows()
    for port, state in enumerate(("ES", "SR", "FW", "UDP", "CL")):
        flows.by_ends[ends(port)] = Flow("web", REAL, state, seen=1000)
    assert flows.loads("web", REAL, 1000) == (2, 3)
    assert flows.loads("web", REAL, 1011) == (2, 2), "CLOSE lasts 10 seconds"
    assert flows.loads("dns", REAL, 1000) == (0, 0)
    assert flows.living(ends(4), 1011) is None
