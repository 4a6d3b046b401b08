"""Sightings: frames in which another station than the director uses a VIP, as it must not on the director's segment.

With them the two facts by which the engine is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from carom.model import Address


class Sign(StrEnum):
    """What the station did."""

    ANSWERED = "answered"
    """Asked who has the VIP, it said that it does: an ARP reply, a neighbour advertisement."""
    ANNOUNCED = "announced"
    """It named the VIP as its own unasked: the sender of an ARP request, the source of a neighbour solicitation."""
    SENT = "sent"
    """It sent a packet from the VIP to the director's MAC: it takes the director for its gateway."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One station that was seen with one VIP."""

    vip: Address
    mac: bytes
    """The station's, 6 bytes."""
    sign: Sign


@dataclass(frozen=True, slots=True)
class VipSighted:
    """Another station uses a VIP."""

    sighting: Sighting


@dataclass(frozen=True, slots=True)
class VipSightingEnded:
    """It has not been seen with it for a while."""

    sighting: Sighting
