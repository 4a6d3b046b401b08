"""How long each state of a flow is remembered, as configured. On every data plane."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from carom.core.plan import Plan
from carom.dataplane.xdp.tables import Tables
from carom.model import Timeouts
from tests.dataplane import plans
from tests.dataplane.frames import tcp, udp
from tests.dataplane.planes import PlaneUnderTest, Xdp
from tests.dataplane.plans import VIP

CLIENT, WEB, DNS = "10.0.0.1:1025", f"{VIP}:80", f"{VIP}:53"
SHORT = Timeouts(established=50, syn_recv=20, fin_wait=30, time_wait=25, close=5, udp=40)
LIVES = {
    "established": (tcp(CLIENT, WEB, "S"), tcp(CLIENT, WEB, "A")),
    "syn_recv": (tcp(CLIENT, WEB, "S"),),
    "fin_wait": (tcp(CLIENT, WEB, "S"), tcp(CLIENT, WEB, "A"), tcp(CLIENT, WEB, "FA")),
    "time_wait": (tcp(CLIENT, WEB, "S"), tcp(CLIENT, WEB, "FA")),
    "close": (tcp(CLIENT, WEB, "S"), tcp(CLIENT, WEB, "A"), tcp(CLIENT, WEB, "R")),
    "udp": (udp(CLIENT, DNS),),
}
"""What a client sends to come into each state."""


def timed(timeouts: Timeouts) -> Plan:
    return replace(plans.plan(), timeouts=timeouts)


def remembered(plane: PlaneUnderTest) -> int:
    return sum(real.active + real.inactive for real in plane.read().reals)


@pytest.mark.parametrize("state", LIVES)
def test_a_state_lasts_as_long_as_it_is_told(plane: PlaneUnderTest, state: str) -> None:
    plane.apply(timed(SHORT))
    for frame in LIVES[state]:
        plane.send(frame)
    seconds = asdict(SHORT)[state]
    plane.at(1000 + seconds)
    assert remembered(plane) == 1
    plane.at(1001 + seconds)
    assert remembered(plane) == 0


def test_a_change_holds_for_the_flows_there_are(plane: PlaneUnderTest) -> None:
    plane.apply(timed(Timeouts()))
    plane.send(LIVES["syn_recv"][0])
    plane.at(1021)
    assert remembered(plane) == 1
    plane.apply(timed(SHORT))
    plane.at(1021)
    assert remembered(plane) == 0


def test_the_longest_is_counted_right(plane: PlaneUnderTest) -> None:
    """The second of a flow's last packet is kept modulo 65,536."""
    plane.at(60_000)
    plane.apply(timed(replace(SHORT, established=18 * 3600)))
    for frame in LIVES["established"]:
        plane.send(frame)
    plane.at(60_000 + 18 * 3600)
    assert remembered(plane) == 1
    plane.at(60_001 + 18 * 3600)
    assert remembered(plane) == 0


def test_whoever_takes_over_keeps_them(xdp: Xdp) -> None:
    xdp.apply(timed(SHORT))
    xdp.send(LIVES["syn_recv"][0])
    Tables(xdp.loaded.maps, lambda: 0.0).apply(timed(SHORT))
    xdp.at(1021)
    assert remembered(xdp) == 0
