"""What crossed each leg of the network: packets and bytes counted by the interfaces themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from carom.lab.commands import run
from carom.lab.namespaces import inside
from carom.lab.network import Wire

_ETHERNET_HEADER = 14
"""Bytes."""


@dataclass(frozen=True, slots=True)
class Leg:
    """Traffic of one node's NIC, seen from the node. Bytes are whole Ethernet frames without FCS."""

    sent_packets: int = 0
    sent_bytes: int = 0
    received_packets: int = 0
    received_bytes: int = 0

    def __sub__(self, earlier: Leg) -> Leg:
        return Leg(
            self.sent_packets - earlier.sent_packets,
            self.sent_bytes - earlier.sent_bytes,
            self.received_packets - earlier.received_packets,
            self.received_bytes - earlier.received_bytes,
        )


Legs = Mapping[tuple[Wire, str], Leg]
"""Each leg by its wire and its node's name."""


def read(segments: Mapping[Wire, str]) -> Legs:
    """The counts of every leg since the lab was built; `segments` names each wire's namespace."""
    return {
        (wire, port): leg
        for wire, namespace in segments.items()
        for port, leg in parse(inside(namespace, partial(run, "ip", "-j", "-s", "link", "show"))).items()
    }


def parse(listing: str) -> dict[str, Leg]:
    """Legs by port, from what `ip -j -s link show` printed: what a port received, its node sent."""
    return {
        link["ifname"]: Leg(
            sent_packets=link["stats64"]["rx"]["packets"],
            sent_bytes=link["stats64"]["rx"]["bytes"],
            received_packets=link["stats64"]["tx"]["packets"],
            received_bytes=link["stats64"]["tx"]["bytes"],
        )
        for link in json.loads(listing)
        if link.get("master")
    }


def under_native_xdp(leg: Leg) -> Leg:
    """The leg of a NIC with a native XDP program: veth counts what it hands to a program without Ethernet header."""
    return replace(leg, received_bytes=leg.received_bytes + _ETHERNET_HEADER * leg.received_packets)


def between(earlier: Legs, later: Legs) -> Legs:
    """What crossed each leg from one reading to the other."""
    return {leg: later[leg] - earlier.get(leg, Leg()) for leg in later}
