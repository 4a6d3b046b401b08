"""What is wanted of the flows."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from carom.core.flows import STATES, Flow, Wanted
from carom.dataplane.fake.flows import NAMES, TIMEOUTS
from carom.dataplane.xdp import layout
from carom.model import Protocol

FLOW = Flow(
    *(ip_address("203.0.113.7"), 41000, ip_address("192.168.76.24"), 443, Protocol.TCP),
    *("web", ip_address("192.168.76.31"), "established", 12, 888),
)
ALL = Wanted(
    *(ip_network("203.0.113.0/24"), FLOW.vip, FLOW.service, FLOW.real, FLOW.protocol, FLOW.state, FLOW.idle),
)


def test_whoever_wants_nothing_special_wants_all() -> None:
    assert Wanted().has(FLOW)
    assert ALL.has(FLOW)


@pytest.mark.parametrize(
    "other",
    [
        replace(ALL, client=ip_network("203.0.114.0/24")),
        replace(ALL, client=ip_network("2001:db8::/32")),
        replace(ALL, vip=ip_address("192.168.76.25")),
        replace(ALL, service="dns"),
        replace(ALL, real=ip_address("192.168.76.32")),
        replace(ALL, protocol=Protocol.UDP),
        replace(ALL, state="close"),
        replace(ALL, idle=13),
    ],
)
def test_one_thing_that_is_not_so_is_enough(other: Wanted) -> None:
    assert not other.has(FLOW)


def test_every_plane_calls_the_states_the_same() -> None:
    assert layout.FLOW_STATES == STATES
    assert tuple(NAMES.values()) == STATES
    assert [layout.TIMEOUTS[name] for name in STATES] == list(TIMEOUTS.values())
