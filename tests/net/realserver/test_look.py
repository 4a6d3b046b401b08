"""One close look at a host: routes, neighbours, listeners, rules, connection tracking."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import IPv4Address, IPv6Address

import pytest

from carom.model import Ports, Protocol
from carom.realserver.host import LinuxHost
from carom.realserver.look import look, look_closely
from carom.realserver.methods.method import Wish
from carom.realserver.view import Listener, Route, View
from tests.net.realserver_net import RIP, ROUTER, VIP, VIP2, VIP6, Segment, segment
from tests.net.segment import inside

WISH = Wish((VIP, VIP6), "sysctl", "eth0", RIP)


@pytest.fixture(scope="module")
def net() -> Iterator[Segment]:
    with segment() as built:
        for vip in (VIP, VIP6):
            built.on(built.real, "ip", "address", "add", f"{vip}/{vip.max_prefixlen}", "dev", "lo")
        yield built


def closely(net: Segment, wish: Wish = WISH) -> View:
    with inside(net.real):
        return look_closely(LinuxHost(), wish)


def test_a_first_look(net: Segment) -> None:
    with inside(net.real):
        view = look(LinuxHost())
    assert view.gateways == {4: ROUTER, 6: IPv6Address("fd77::254")}
    assert view.sysctls["net.ipv4.conf.all.arp_ignore"] == "0"
    assert view.sysctls["net.ipv6.conf.lo.disable_ipv6"] == "0"


def test_the_way_of_replies_is_the_kernels_own_answer(net: Segment) -> None:
    """Policy rules count: here replies from the VIP alone go another way."""
    assert closely(net).replies == {VIP: Route("eth0", ROUTER), VIP6: Route("eth0", IPv6Address("fd77::254"))}
    net.on(net.real, "ip", "rule", "add", "from", str(VIP), "lookup", "77")
    net.on(net.real, "ip", "route", "add", "default", "via", "10.77.0.1", "table", "77")
    try:
        assert closely(net).replies[VIP] == Route("eth0", IPv4Address("10.77.0.1"))
    finally:
        net.on(net.real, "ip", "rule", "del", "from", str(VIP))
        net.on(net.real, "ip", "route", "flush", "table", "77")


@pytest.mark.parametrize("kind", ["unreachable", "blackhole", "prohibit"])
def test_a_way_that_is_closed_is_none(net: Segment, kind: str) -> None:
    net.on(net.real, "ip", "route", "add", kind, "198.51.100.0/24")
    try:
        assert closely(net).replies[VIP] is None
    finally:
        net.on(net.real, "ip", "route", "del", kind, "198.51.100.0/24")


def test_neighbours(net: Segment) -> None:
    net.on(net.real, "ip", "neigh", "replace", str(ROUTER), "lladdr", "02:00:00:00:00:01", "dev", "eth0")
    assert closely(net).neighbours[ROUTER] == "02:00:00:00:00:01"
    net.on(net.real, "ip", "neigh", "flush", "dev", "eth0")


def test_listeners_of_both_protocols_and_families(net: Segment) -> None:
    with inside(net.real), ExitStack() as sockets:
        for family, kind, address in (
            (socket.AF_INET, socket.SOCK_STREAM, (str(VIP), 80)),
            (socket.AF_INET, socket.SOCK_DGRAM, (str(RIP), 53)),
            (socket.AF_INET6, socket.SOCK_DGRAM, (str(VIP6), 53)),
            (socket.AF_INET6, socket.SOCK_STREAM, ("::ffff:10.77.0.31", 81)),
        ):
            bound = sockets.enter_context(socket.socket(family, kind))
            bound.bind(address)
            if kind == socket.SOCK_STREAM:
                bound.listen()
        connected = sockets.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        connected.connect((str(ROUTER), 9))
        assert set(closely(net).listeners) == {
            Listener(Protocol.TCP, VIP, 80),
            Listener(Protocol.UDP, RIP, 53),
            Listener(Protocol.UDP, VIP6, 53),
            Listener(Protocol.TCP, RIP, 81),
        }


@pytest.mark.parametrize("only", [False, True])
def test_a_listener_of_ipv6_alone_is_told_from_one_of_both(net: Segment, only: bool) -> None:
    with (
        inside(net.real),
        socket.create_server(("::", 80), family=socket.AF_INET6, dualstack_ipv6=not only),
    ):
        assert closely(net).only_ipv6 == ({80} if only else set())


def test_rules_of_every_tool_and_none_loaded_by_looking(net: Segment) -> None:
    """Listing arptables-legacy where it was never used would load its table into the kernel."""
    assert closely(net).guarded == frozenset()
    assert net.on(net.real, "cat", "/proc/net/arp_tables_names") == ""
    net.on(net.real, "arptables-legacy", "-A", "INPUT", "-d", str(VIP), "-j", "DROP")
    net.on(net.real, "arptables-nft", "-A", "OUTPUT", "-s", str(VIP), "-j", "mangle", "--mangle-ip-s", str(RIP))
    try:
        view = closely(net)
    finally:
        net.on(net.real, "arptables-legacy", "-F")
        net.on(net.real, "nft", "delete", "table", "arp", "filter")
    assert view.guarded == view.mangled == frozenset({VIP})


def test_redirect_rules_and_connection_tracking(net: Segment) -> None:
    web, dns = Ports(Protocol.TCP, 80, 80), Ports(Protocol.UDP, 53, 53)
    rule = ("-t", "nat", "PREROUTING", "-d", str(VIP2), "-p", "tcp", "--dport", "80", "-j", "REDIRECT")
    net.on(net.real, "iptables-nft", *rule[:2], "-A", *rule[2:])
    try:
        view = closely(net, Wish((VIP2,), "redirect", "eth0", RIP, (web, dns), "iptables-nft"))
    finally:
        net.on(net.real, "nft", "delete", "table", "ip", "nat")
    assert view.redirected == {(VIP2, "tcp/80")}
    assert view.conntrack is not None
    assert view.conntrack.limit > view.conntrack.entries
