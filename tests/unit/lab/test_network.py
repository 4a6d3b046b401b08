"""The lab's network as data: it is the chapter's."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from carom.lab.network import (
    GATEWAYS,
    NODES,
    REALS,
    VIP,
    VIP6,
    Role,
    Wire,
    gateway_addresses,
    node_with_address,
    node_with_mac,
)


def on(wire: Wire) -> set[str]:
    return {node.name for node in NODES.values() for nic in node.nics if nic.wire is wire}


def test_the_nodes_are_the_chapters() -> None:
    assert list(NODES) == ["client", "router", "director", "real1", "real2", "real3", "gateway1", "gateway2"]
    assert on(Wire.INTERNET) == {"client", "router", "gateway1", "gateway2"}
    assert on(Wire.SEGMENT) == set(NODES) - {"client"}


def test_the_real_servers_go_home_by_different_gateways_and_none_by_the_router() -> None:
    assert {node.name: node.home for node in REALS} == {"real1": "gateway1", "real2": "gateway1", "real3": "gateway2"}
    assert gateway_addresses(NODES["real3"]) == (ip_address("192.168.76.3"), ip_address("fd00:76::3"))


def test_the_vip_is_on_the_segment_and_no_nics() -> None:
    for vip, family in ((VIP, 0), (VIP6, 1)):
        for node in (*REALS, NODES["director"], NODES["router"]):
            assert vip in node.nic(Wire.SEGMENT).addresses[family].network
        assert node_with_address(vip) is None


def test_every_nic_has_an_address_and_a_mac_of_its_own() -> None:
    nics = [nic for node in NODES.values() for nic in node.nics]
    assert len({nic.mac for nic in nics}) == len(nics)
    assert len({address for nic in nics for address in nic.addresses}) == 2 * len(nics)


def test_a_mac_reads_as_its_host_number_and_leads_to_its_node() -> None:
    assert NODES["real1"].nic(Wire.SEGMENT).mac == "02:00:00:00:76:31"
    assert node_with_mac("02:00:00:00:76:31") == "real1"
    assert node_with_mac("02:00:00:00:01:10") == "client"
    assert node_with_mac("02:00:00:00:76:99") is None


def test_an_address_leads_to_its_node() -> None:
    assert node_with_address(ip_address("192.168.76.10")) == "director"
    assert node_with_address(ip_address("fd00:113::2")) == "gateway1"


@pytest.mark.parametrize("node", NODES.values(), ids=NODES)
def test_routers_and_gateways_forward_and_nobody_else(node: object) -> None:
    name = getattr(node, "name", "")
    assert NODES[name].forwards == (name in {"router", *(gateway.name for gateway in GATEWAYS)})
    assert (NODES[name].role is Role.GATEWAY) == name.startswith("gateway")
