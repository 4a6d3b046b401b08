"""What the tests of worlds are made of: a service, its real servers, and what happens to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address, ip_interface
from typing import cast

from carom.core.world import World, begin, step
from carom.events import Fact, InterfaceChanged, NeighbourResolved
from carom.model import Address, Config, Director, Ports, Protocol, Real, Service
from carom.outcome import Checked, Diagnosis, Outcome, Reason, Verdict

VIP, ONE, TWO, SORRY = (ip_address(f"192.168.76.{host}") for host in (24, 31, 32, 99))
MAC1, MAC2, OWN = bytes.fromhex("020000000031"), bytes.fromhex("020000000032"), bytes.fromhex("020000000001")
HTTP = (Ports(Protocol.TCP, 80, 80),)
WEB = Service("web", VIP, HTTP, (Real(ONE), Real(TWO, weight=2)), check=None)
CONFIG = Config(Director("eth0"), (WEB,))
CHECKED = Config(Director("eth0"), (replace(WEB, check=Service("", VIP, ()).check),))
"""The same service with the usual check: it rises after 2 and falls after 3."""
FOUND: list[Fact] = [NeighbourResolved(ONE, MAC1), NeighbourResolved(TWO, MAC2)]
DEAD = Diagnosis(Verdict.SERVER_DOWN, "It answers neither the check nor a ping.", "See whether it runs.")


def nic(*addresses: str, up: bool = True, mac: bytes | None = OWN) -> InterfaceChanged:
    return InterfaceChanged(up, mac, tuple(map(ip_interface, addresses)))


def after(*facts: Fact, config: Config = CONFIG, now: float = 0.0) -> World:
    return step(begin(config), facts, now)


def with_service(config: Config = CONFIG, **changes: object) -> Config:
    service = cast("Callable[..., Service]", replace)(config.services[0], **changes)
    return Config(Director("eth0"), (service,))


def well(real: Address, service: str = "web", **more: object) -> Checked:
    return Checked(service, real, cast("Callable[..., Outcome]", Outcome)(Reason.OK, **more))


def unwell(real: Address, service: str = "web") -> Checked:
    return Checked(service, real, Outcome(Reason.SILENT, "no answer"), DEAD)


def broken(real: Address) -> Checked:
    return Checked("web", real, Outcome(Reason.FAULT, "no more files"))


def at_work(**changes: object) -> World:
    """A world at second 10 in which both real servers have proven themselves."""
    config = with_service(CHECKED, **changes)
    return step(begin(config), [*FOUND, well(ONE), well(TWO)], 10.0)


def fallen(world: World, real: Address = ONE, now: float = 20.0) -> World:
    return step(world, [unwell(real)] * 3, now)
