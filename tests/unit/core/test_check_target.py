"""What a check aims at where nothing is said."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from carom.core.check_target import TRANSPORTS, default_kind, target_port, transport
from carom.model import Check, Ports, Protocol, Service

T80, T443 = Ports(Protocol.TCP, 80, 80), Ports(Protocol.TCP, 443, 443)
RANGE, ALL, U53 = Ports(Protocol.TCP, 1000, 2000), Ports(Protocol.TCP, 0, 65535), Ports(Protocol.UDP, 53, 53)


@pytest.mark.parametrize(
    ("ports", "kind"),
    [
        ((T80,), "tcp"),
        ((U53, RANGE, T443), "tcp"),
        ((U53,), "icmp"),
        ((RANGE,), "icmp"),
        ((ALL,), "icmp"),
        ((), "icmp"),
    ],
)
def test_the_kind(ports: tuple[Ports, ...], kind: str) -> None:
    assert default_kind(ports) == kind


@pytest.mark.parametrize(
    ("check", "ports", "port"),
    [
        (Check("tcp"), (U53, RANGE, T443, T80), 443),
        (Check("tcp", port=8080), (T443,), 8080),
        (Check("tcp"), (U53, ALL), None),
        (Check("dns"), (T80, U53), 53),
        (Check("dns", options={"transport": "tcp"}), (U53, T80), 80),
        (Check("script"), (RANGE, U53, T80), 53),
        (Check("script"), (ALL,), None),
        (Check("icmp"), (T80,), None),
        (None, (T80,), None),
    ],
)
def test_the_port(check: Check | None, ports: tuple[Ports, ...], port: int | None) -> None:
    more: dict[str, Any] = {"check": check}
    assert target_port(Service("web", ip_address("192.0.2.1"), ports, **more)) == port


@pytest.mark.parametrize("kind", TRANSPORTS)
def test_every_kind_has_a_transport_or_does_without(kind: str) -> None:
    assert transport(Check(kind)) is TRANSPORTS[kind]
