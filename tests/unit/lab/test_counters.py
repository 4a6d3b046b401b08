"""What the interfaces counted."""

from __future__ import annotations

import json
from typing import Any

from carom.lab.counters import Leg, between, parse, under_native_xdp
from carom.lab.network import Wire


def link(name: str, rx: tuple[int, int], tx: tuple[int, int], **more: object) -> dict[str, Any]:
    """One link as `ip -j -s link show` prints it, as far as it matters."""
    stats = {way: {"packets": packets, "bytes": size} for way, (packets, size) in (("rx", rx), ("tx", tx))}
    return {"ifname": name, "stats64": stats, **more}


def test_what_a_port_received_its_node_sent() -> None:
    listing = json.dumps([link("real1", (5, 500), (7, 700), master="bridge")])
    assert parse(listing) == {"real1": Leg(sent_packets=5, sent_bytes=500, received_packets=7, received_bytes=700)}


def test_only_ports_are_legs() -> None:
    listing = json.dumps([link("lo", (1, 1), (1, 1)), link("bridge", (2, 2), (2, 2))])
    assert parse(listing) == {}


def test_under_native_xdp_what_was_received_lacks_its_ethernet_headers() -> None:
    assert under_native_xdp(Leg(1, 60, 2, 92)) == Leg(1, 60, 2, 120)


def test_the_difference_of_two_readings() -> None:
    leg = (Wire.SEGMENT, "real1")
    assert between({leg: Leg(1, 10, 2, 20)}, {leg: Leg(4, 50, 3, 20)}) == {leg: Leg(3, 40, 1, 0)}


def test_a_leg_that_was_not_there_before_began_at_zero() -> None:
    leg = (Wire.INTERNET, "client")
    assert between({}, {leg: Leg(1, 2, 3, 4)}) == {leg: Leg(1, 2, 3, 4)}
