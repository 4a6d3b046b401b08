"""The network as the kernel has it once it is built: who reaches whom, and which way."""

from __future__ import annotations

import json
import socket
from functools import partial
from ipaddress import IPv4Address
from typing import Any

import pytest

from carom.lab import arp, counters, namespaces, replies
from carom.lab.build import write_settings
from carom.lab.network import NODES, REALS, VIP, Wire, node_with_mac
from carom.lab.standing import Lab
from tests.net.labs import on

ROUTER = NODES["router"].nic(Wire.SEGMENT)


def who_has(lab: Lab, address: IPv4Address) -> list[str | None]:
    """The nodes that answer when the router asks for an address."""
    return [node_with_mac(mac) for mac in arp.who_has(lab.namespace("router"), ROUTER, address, 0.2)]


def way(lab: Lab, node: str, to: str, sender: str) -> dict[str, Any]:
    """The route the node's kernel chooses for a packet of a local sender."""
    routes: list[dict[str, Any]] = json.loads(on(lab, node, "ip", "-j", "route", "get", to, "from", sender))
    return routes[0]


@pytest.mark.parametrize("real", REALS, ids=lambda real: real.name)
def test_a_reply_goes_home_by_the_real_servers_gateway(wired: Lab, real: Any) -> None:
    gateway = {"gateway1": "192.168.76.2", "gateway2": "192.168.76.3"}[real.home]
    assert way(wired, real.name, "203.0.113.10", sender="192.168.76.24")["gateway"] == gateway


@pytest.mark.parametrize(("vip", "packet"), [("192.168.76.24", b"4"), ("fd00:76::24", b"6")])
def test_a_reply_reaches_the_client_from_another_neighbour_than_its_router(wired: Lab, vip: str, packet: bytes) -> None:
    family = socket.AF_INET6 if ":" in vip else socket.AF_INET
    datagram = partial(socket.socket, family, socket.SOCK_DGRAM)
    client_address = "fd00:113::10" if ":" in vip else "203.0.113.10"
    with (
        namespaces.inside(wired.namespace("client"), datagram) as client,
        namespaces.inside(wired.namespace("real3"), datagram) as real,
    ):
        client.bind((client_address, 5555))
        client.settimeout(5)
        real.bind((vip, 80))
        real.sendto(packet, (client_address, 5555))
        assert client.recvfrom(16)[1][0] == vip
    legs = counters.read(wired.wires)
    assert legs[Wire.SEGMENT, "gateway2"].received_packets > 0
    assert replies.read(wired.namespace(Wire.SEGMENT))["gateway2"].left > 0


def test_the_real_servers_are_found_but_keep_quiet_about_the_vip(wired: Lab) -> None:
    assert who_has(wired, IPv4Address("192.168.76.31")) == ["real1"]
    assert who_has(wired, VIP) == []


def test_a_real_server_that_is_not_quiet_is_heard(wired: Lab) -> None:
    loud = {"ipv4/conf/all/arp_ignore": 0, "ipv4/conf/eth0/arp_ignore": 0}
    namespaces.inside(wired.namespace("real2"), partial(write_settings, loud))
    assert who_has(wired, VIP) == ["real2"]


def test_a_reply_that_takes_the_way_through_the_director_is_counted_there(wired: Lab) -> None:
    namespaces.inside(wired.namespace("director"), partial(write_settings, {"ipv4/conf/all/forwarding": 1}))
    on(wired, "real1", "ip", "route", "replace", "default", "via", "192.168.76.10")
    datagram = partial(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
    with namespaces.inside(wired.namespace("real1"), datagram) as real:
        real.bind((str(VIP), 0))
        real.sendto(bytes(1000), ("203.0.113.10", 5555))
        seen = replies.read(wired.namespace(Wire.SEGMENT))["director"]
    assert (seen.left, seen.entered) == (1042, 1042)
