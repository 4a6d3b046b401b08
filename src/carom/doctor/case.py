"""The case: what the doctor was told, what it has to ask with, and what earlier questions have shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path
from typing import Any

from carom.doctor.wire import Wire
from carom.finding import Finding, Verdict
from carom.model import Address, Config, Service
from carom.net.local import Place
from carom.sighting import Sighting

Pair = tuple[Address, Address]
"""A VIP, and a real server that ought to have it."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the doctor was told before it looked at anything."""

    config: Config
    pins: Path
    """Where the data plane is pinned."""
    status: Mapping[str, Any] | None
    """What the daemon says of itself; None: none answers."""
    silence: str = ""
    """Why it does not answer."""
    gentle: bool = False
    """Leave out what might mislead the segment for some milliseconds."""


@dataclass
class Case:
    """One examination."""

    told: Told
    addresses: tuple[IPv4Interface | IPv6Interface, ...]
    """The director's own on the real servers' segment, each with its network's prefix."""
    local: Mapping[Address, Place]
    """All addresses of the director's host."""
    mtu: int
    """Bytes of the largest packet that comes to the director and can be sent on."""
    front: Wire
    """The clients' segment."""
    wire: Wire
    """The real servers' segment: the same, on a director with one NIC."""
    marks: Mapping[Pair, int]
    """What leads to each VIP on each real server (`carom.net.viaroute`)."""
    answering: bool | None
    """Whether this director answers for the VIPs; None: it cannot be known."""
    served: dict[Pair, list[int]] = field(default_factory=dict)
    """Where checks of the VIP went well, with the TCP ports on which they did."""
    directors: set[bytes] = field(default_factory=set)
    """Stations that answer for a VIP and pass its packets on to real servers."""

    @property
    def config(self) -> Config:
        return self.told.config

    @property
    def interface(self) -> str:
        return self.told.config.director.interface

    @property
    def towards_reals(self) -> str:
        """The NIC on the real servers' segment."""
        return self.told.config.director.towards_reals

    @property
    def wires(self) -> tuple[Wire, ...]:
        return (self.front,) if self.front is self.wire else (self.front, self.wire)

    @property
    def sightings(self) -> tuple[Sighting, ...]:
        """Every misuse of a VIP that was seen, on whichever segment; the director is no stranger to itself."""
        own = {wire.mac for wire in self.wires}
        seen = (sighting for wire in self.wires for sighting in wire.sightings)
        return tuple(dict.fromkeys(sighting for sighting in seen if sighting.mac not in own))

    @property
    def vips(self) -> tuple[Address, ...]:
        return self.told.config.vips

    @cached_property
    def reals(self) -> tuple[Address, ...]:
        """Every real server once, sorry servers included, but not the director itself."""
        named = [address for service in self.config.services for address in reals_of(service)]
        return tuple(address for address in dict.fromkeys(named) if address not in self.local)

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """Every VIP with each real server that ought to have it."""
        named = [(service.vip, real) for service in self.config.services for real in reals_of(service)]
        return tuple(pair for pair in dict.fromkeys(named) if pair[1] not in self.local)

    @property
    def by_mac(self) -> dict[bytes, tuple[Address, ...]]:
        """The addresses of the real servers that have been found, by their MACs."""
        found: dict[bytes, tuple[Address, ...]] = {}
        for real in self.reals:
            for mac in self.wire.owners.get(real, ()):
                found[mac] = (*found.get(mac, ()), real)
        return found

    def towards(self, address: Address) -> IPv4Interface | IPv6Interface | None:
        """The director's own address on the network that this one is on; None: it is on none of them."""
        return next((own for own in self.addresses if address in own.network), None)


def reals_of(service: Service) -> tuple[Address, ...]:
    """The addresses of a service's real servers, its sorry server last."""
    sorry = (service.sorry,) if service.sorry else ()
    return (*(real.address for real in service.reals), *sorry)


def well(name: str, subject: str, evidence: str, server: object = "") -> Finding:
    """All is as it should be."""
    return Finding(name, subject, Verdict.OK, evidence, server=str(server))


def unknown(name: str, subject: str, evidence: str, remedy: str = "", server: object = "") -> Finding:
    """It could not be looked at."""
    return Finding(name, subject, Verdict.UNKNOWN, evidence, remedy, str(server))
