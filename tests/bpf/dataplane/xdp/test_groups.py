"""The NIC listens to the groups of IPv6 VIPs, as `ip maddress` shows it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from carom.dataplane.xdp.groups import Groups, group_mac
from carom.errors import DataPlaneError

VIP, OTHER, OLD = ip_address("2001:db8::12:3456"), ip_address("2001:db8::7"), ip_address("192.0.2.1")


@pytest.fixture
def nic() -> Iterator[str]:
    subprocess.run(["ip", "link", "add", "cgroup0", "type", "veth", "peer", "name", "cgroup1"], check=True)
    yield "cgroup0"
    subprocess.run(["ip", "link", "del", "cgroup0"], check=True)


def listens_to(nic: str, mac: bytes) -> bool:
    shown = subprocess.run(["ip", "maddress", "show", "dev", nic], capture_output=True, text=True, check=True)
    return mac.hex(":") in shown.stdout


def test_a_groups_mac_ends_as_the_address_does() -> None:
    assert group_mac(VIP) == bytes.fromhex("3333ff123456")


def test_the_whole_wish_is_told_and_the_difference_done(nic: str) -> None:
    groups = Groups(nic)
    groups.listen([VIP, OLD])
    assert listens_to(nic, group_mac(VIP))
    groups.listen([OTHER])
    assert not listens_to(nic, group_mac(VIP))
    assert listens_to(nic, group_mac(OTHER))
    groups.listen([])
    assert not listens_to(nic, group_mac(OTHER))


def test_a_nic_that_is_not_there_is_named() -> None:
    with pytest.raises(DataPlaneError, match="nonsense0 does not listen to the group 33:33:ff:12:34:56"):
        Groups("nonsense0").listen([VIP])
