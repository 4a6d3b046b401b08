"""What `ip` and the kernel are told when a lab is built."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from carom.lab.build import links, namespace, node_commands, node_settings, wire_commands, wire_settings
from carom.lab.network import NODES, VIP, VIP6, Wire


def test_a_namespace_says_whose_lab_it_is() -> None:
    assert namespace("demo-1", "real1") == "carom-demo-1-real1"


def test_a_real_server_is_quiet_about_the_vip_before_it_has_any_nic() -> None:
    settings = node_settings(NODES["real1"])
    for scope in ("all", "default"):
        assert settings[f"ipv4/conf/{scope}/arp_ignore"] == 1
        assert settings[f"ipv4/conf/{scope}/arp_announce"] == 2


def test_nobody_else_is_quiet_and_only_routers_forward() -> None:
    for name in ("client", "router", "director", "gateway1"):
        settings = node_settings(NODES[name])
        assert settings["ipv4/conf/all/arp_ignore"] == 0
        assert settings["ipv4/conf/all/forwarding"] == (name in ("router", "gateway1"))


def test_replies_may_come_by_another_neighbour_than_requests_leave_by() -> None:
    assert all(node_settings(node)["ipv4/conf/all/rp_filter"] == 0 for node in NODES.values())


def test_every_nic_is_made_in_its_nodes_namespace_with_its_port_on_the_wire() -> None:
    commands = list(links("x"))
    assert len(commands) == 2 + 11
    assert (
        "link add segment netns carom-x-gateway2 address 02:00:00:00:76:03 "
        "type veth peer name gateway2 netns carom-x-segment"
    ) in commands


def test_a_wire_is_a_bridge_with_a_port_per_node_and_no_host() -> None:
    assert list(wire_commands(Wire.INTERNET)) == [
        "link set bridge up",
        *(f"link set {node} master bridge up" for node in ("client", "router", "gateway1", "gateway2")),
    ]
    assert wire_settings()["ipv6/conf/all/disable_ipv6"] == 1


def test_a_real_server_owns_the_vip_on_lo_and_goes_home_by_its_gateway() -> None:
    commands = list(node_commands(NODES["real3"], (VIP,)))
    assert "address add 192.168.76.24 dev lo" in commands
    assert "address add 192.168.76.33/22 dev eth0" in commands
    assert "route add default via 192.168.76.3" in commands


def test_nobody_else_owns_the_vip() -> None:
    for name in set(NODES) - {"real1", "real2", "real3"}:
        assert not [line for line in node_commands(NODES[name], (VIP,)) if str(VIP) in line]


def test_without_ipv6_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carom.lab.build.IPV6", Path("/nowhere"))
    assert not [line for node in NODES.values() for line in node_commands(node, (VIP, VIP6)) if "fd00" in line]


def test_the_router_looks_for_a_foreign_vip_on_the_segment() -> None:
    vips = (VIP, ip_address("198.51.100.7"))
    routes = [line for line in node_commands(NODES["router"], vips) if line.startswith("route")]
    assert routes == ["route add 198.51.100.7 dev segment"]
