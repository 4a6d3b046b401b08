"""The words: how they are spelled, and what they cannot be made to do."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from ipaddress import ip_address

import pytest

from carom.model import Config, Director, Fault, Ports, Protocol, Scheduler, Service

HTTP = Ports(Protocol.TCP, 80, 80)


@pytest.mark.parametrize(
    ("ports", "spelled"),
    [
        (HTTP, "tcp/80"),
        (Ports(Protocol.TCP, 10000, 20000), "tcp/10000-20000"),
        (Ports(Protocol.UDP, 0, 65535), "udp/*"),
    ],
)
def test_ports_are_spelled_as_in_the_file(ports: Ports, spelled: str) -> None:
    assert str(ports) == spelled
    assert ports.is_all == spelled.endswith("*")


def test_protocols_have_ianas_numbers() -> None:
    assert {protocol.value: protocol.number for protocol in Protocol} == {"tcp": 6, "udp": 17, "sctp": 132}


def test_the_default_scheduler_is_ipvsadms() -> None:
    service = Service("web", ip_address("192.0.2.1"), (HTTP,))
    assert service.scheduler is Scheduler.WLC
    assert len(Scheduler) == 14


def test_a_configurations_vips_stand_once_each_in_their_order() -> None:
    one, two = ip_address("192.0.2.1"), ip_address("192.0.2.2")
    services = tuple(Service(f"s{n}", vip, (HTTP,)) for n, vip in enumerate((two, one, two)))
    assert Config(Director("eth0"), services).vips == (two, one)


def test_words_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        HTTP.first = 81  # type: ignore[misc]


def test_a_fault_reads_as_compilers_faults_do() -> None:
    assert str(Fault("carom.toml", 7, "service[0].vip", "no address")) == "carom.toml:7: service[0].vip: no address"
