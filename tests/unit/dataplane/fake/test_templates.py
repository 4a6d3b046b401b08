"""A template's life, by IPVS's rule."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from carom.dataplane.fake.templates import Template, client_of

REAL = ip_address("192.168.76.31")


@pytest.mark.parametrize(
    ("flows", "idle", "now", "lives"),
    [
        (0, 1010, 1300, True),
        (0, 1010, 1301, False),
        (1, 0, 9999, True),
        (0, 1301, 1360, True),
        (0, 1301, 1361, False),
        (0, 1361, 1420, True),
        (0, 1361, 1421, False),
    ],
)
def test_it_ends_at_the_first_minute_without_flows(flows: int, idle: int, now: int, lives: bool) -> None:
    assert Template(REAL, used=1000, flows=flows, idle=idle).lives(300, now) is lives


def test_clients_under_one_mask_are_one_client() -> None:
    assert client_of(ip_address("10.0.0.7"), 24) == client_of(ip_address("10.0.0.200"), 24) == ip_address("10.0.0.0")
    assert client_of(ip_address("2001:db8::7"), 64) == ip_address("2001:db8::")
    assert client_of(ip_address("10.0.0.7"), 32) == ip_address("10.0.0.7")
