"""Where the web servers listen."""

from __future__ import annotations

from ipaddress import ip_address

from carom.lab.reals import endpoints
from carom.model import Config, Director, Ports, Protocol, Service

VIP = ip_address("192.168.76.24")
TCP, UDP = Protocol.TCP, Protocol.UDP


def config(*ports: Ports) -> Config:
    return Config(Director("eth0"), (Service("web", VIP, ports), Service("again", VIP, ports[:1])))


def test_each_tcp_port_once_and_no_udp() -> None:
    assert endpoints(config(Ports(TCP, 80, 80), Ports(UDP, 53, 53), Ports(TCP, 443, 443))) == ((VIP, 80), (VIP, 443))


def test_of_a_range_its_first_sixteen() -> None:
    assert endpoints(config(Ports(TCP, 10000, 20000))) == tuple((VIP, port) for port in range(10000, 10016))
    assert endpoints(config(Ports(TCP, 21, 22))) == ((VIP, 21), (VIP, 22))


def test_of_all_ports_port_80() -> None:
    assert endpoints(config(Ports(TCP, 0, 65535))) == ((VIP, 80),)
