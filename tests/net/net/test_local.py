"""The host's own addresses, with their places."""

from __future__ import annotations

from ipaddress import ip_address

from carom.net import local
from carom.net.local import Place
from tests.net.segment import VIP, inside, segment


def test_every_address_has_its_nic_and_its_prefix() -> None:
    with segment(reals=1) as lan, inside(lan.real(1)):
        found = local.addresses()
    assert found[ip_address("10.77.0.31")] == Place("eth0", 24)
    assert found[ip_address("fd77::31")] == Place("eth0", 64)
    assert found[VIP] == Place("lo", 32)
    assert found[ip_address("127.0.0.1")] == Place("lo", 8)
