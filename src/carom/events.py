"""Facts: what has happened, in the past tense, as the engine is told it.

A fact is a frozen value. Adapters make them, `carom.engine` hears them in order, and `carom.core.world.step` says what
is known after them. Nobody answers a fact: what it leads to is the next plan. Times are seconds of the engine's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface

from carom.model import Address, Config
from carom.outcome import Checked
from carom.sighting import VipSighted, VipSightingEnded

RealName = tuple[str, Address]
"""A real server of one service: the service's name, and its address."""


@dataclass(frozen=True, slots=True)
class ConfigLoaded:
    """A sound configuration is to be carried out."""

    config: Config


@dataclass(frozen=True, slots=True)
class ConfigRefused:
    """The file was read again and cannot be carried out; what ran before runs on."""

    faults: tuple[str, ...]
    """One sentence each, as `carom check` prints them."""


@dataclass(frozen=True, slots=True)
class InterfaceChanged:
    """A NIC of the director's came up, went down, vanished, or has another MAC or other addresses."""

    up: bool
    """Up, and with carrier."""
    mac: bytes | None
    """6 bytes; None: there is no such NIC any more."""
    addresses: tuple[IPv4Interface | IPv6Interface, ...] = ()
    """The director's own addresses on it (DIPs), each with its network's prefix."""
    inside: bool = False
    """Whether it is the second one, towards the real servers."""
    index: int = 0
    """The kernel's number of it: another NIC of the same name has another."""


@dataclass(frozen=True, slots=True)
class DataPlaneDisturbed:
    """Somebody else has had a hand on the data plane, or has no longer."""

    how: str
    """A clause; empty: all is as it should be."""


@dataclass(frozen=True, slots=True)
class NeighbourResolved:
    """A station on the segment answered for this address, for the first time or from another MAC."""

    address: Address
    mac: bytes
    """6 bytes."""


@dataclass(frozen=True, slots=True)
class NeighbourLost:
    """Nobody answers for this address any more."""

    address: Address


@dataclass(frozen=True, slots=True)
class Override:
    """What an operator has said of a real server's weight; it stands until it is taken back."""

    weight: int
    """In place of the configured one; 0 lets it drain."""
    by: str
    """Who said so."""
    since: float
    deadline: float | None = None
    """When a drain is over, whatever connections are left: from then on it counts as down. None: there is no end."""


@dataclass(frozen=True, slots=True)
class Overridden:
    """An operator has set a real server's weight by hand, or has taken that back."""

    service: str
    real: Address
    override: Override | None


@dataclass(frozen=True, slots=True)
class Emptied:
    """These real servers, which the configuration has dropped, have no flows any more."""

    reals: frozenset[RealName]


Fact = (
    ConfigLoaded
    | ConfigRefused
    | InterfaceChanged
    | DataPlaneDisturbed
    | NeighbourResolved
    | NeighbourLost
    | Checked
    | Overridden
    | Emptied
    | VipSighted
    | VipSightingEnded
)
