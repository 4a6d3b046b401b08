"""Facts: each kind is heard."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface
from typing import get_args

from carom.core.world import begin, step
from carom.events import (
    ConfigLoaded,
    ConfigRefused,
    DataPlaneDisturbed,
    Emptied,
    Fact,
    InterfaceChanged,
    NeighbourLost,
    NeighbourResolved,
    Overridden,
    Override,
)
from carom.model import Config, Director, Ports, Protocol, Real, Service
from carom.outcome import Checked, Outcome, Reason
from carom.sighting import Sighting, Sign, VipSighted, VipSightingEnded

REAL = ip_address("192.168.76.31")
WEB = Service("web", ip_address("192.168.76.24"), (Ports(Protocol.TCP, 80, 80),), (Real(REAL),))
CONFIG = Config(Director("eth0"), (WEB,))
HISTORY: tuple[Fact, ...] = (
    ConfigLoaded(CONFIG),
    InterfaceChanged(up=True, mac=b"\x02DIR0", addresses=(ip_interface("192.168.76.1/24"),)),
    DataPlaneDisturbed("the program was taken off eth0"),
    NeighbourResolved(REAL, b"\x02REAL"),
    Checked("web", REAL, Outcome(Reason.OK)),
    Overridden("web", REAL, Override(5, "root", since=3.0)),
    ConfigLoaded(Config(Director("eth0"), (replace(WEB, reals=()),))),
    Emptied(frozenset({("web", REAL)})),
    ConfigLoaded(CONFIG),
    NeighbourResolved(REAL, b"\x02REAL"),
    NeighbourLost(REAL),
    ConfigRefused(("carom.toml:3: service[0].vip: not an address",)),
    VipSighted(Sighting(WEB.vip, b"\x02REAL", Sign.ANSWERED)),
    VipSightingEnded(Sighting(WEB.vip, b"\x02REAL", Sign.ANSWERED)),
)


def test_every_kind_of_fact_moves_the_world() -> None:
    world = begin(Config(Director("eth0")))
    for now, fact in enumerate(HISTORY):
        after = step(world, [fact], float(now))
        assert after != world, fact
        world = after
    assert {type(fact) for fact in HISTORY} == set(get_args(Fact))


def test_equal_facts_are_one() -> None:
    assert len({NeighbourLost(REAL), NeighbourLost(ip_address(str(REAL))), NeighbourResolved(REAL, b"\x02REAL")}) == 2
