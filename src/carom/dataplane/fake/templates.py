"""Persistent clients of the oracle: which real server each has, and how long."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network

from carom.model import Address

AGAIN = 60
"""Seconds between two looks at a template that flows held when its time was over."""


def client_of(address: Address, prefix: int) -> Address:
    """The address that stands for all clients of its network."""
    return ip_network((address, prefix), strict=False).network_address


@dataclass(slots=True)
class Template:
    """One persistent client's real server."""

    real: Address
    used: int
    """The second of its last new flow."""
    flows: int = 0
    """How many hold it."""
    idle: int = 0
    """The second in which the last of them ended."""

    def lives(self, persistence: int, now: int) -> bool:
        """It ends when its time is over; while flows hold it then, at the first minute after at which none does."""
        end = self.used + persistence
        while end < self.idle:
            end += AGAIN
        return self.flows > 0 or now <= end
