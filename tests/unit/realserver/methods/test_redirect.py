"""Method redirect: a rule for each VIP, port and protocol, and no address."""

from __future__ import annotations

from dataclasses import replace

import pytest

from carom.model import Ports, Protocol
from carom.realserver.methods.redirect import METHOD, TABLE
from tests.unit.realserver.words import VIP, VIP6, WEB, WISH

RANGE, ALL = Ports(Protocol.UDP, 1000, 2000), Ports(Protocol.TCP, 0, 65535)


@pytest.mark.parametrize(
    ("ports", "rule"),
    [
        (WEB, f"-d {VIP} -p tcp --dport 80 -j REDIRECT"),
        (RANGE, f"-d {VIP} -p udp --dport 1000:2000 -j REDIRECT"),
        (ALL, f"-d {VIP} -p tcp -j REDIRECT"),
    ],
)
def test_iptables(ports: Ports, rule: str) -> None:
    wish = replace(WISH, ports=(ports,), tool="iptables-legacy")
    assert str(METHOD.steps(wish)[-1].command()) == f"iptables-legacy -t nat -A PREROUTING {rule}"


@pytest.mark.parametrize("tool", ["iptables-nft", "iptables-legacy", "iptables"])
def test_ipv6_goes_to_the_sister_program(tool: str) -> None:
    commands = [str(step.command()) for step in METHOD.steps(replace(WISH, vips=(VIP6,), tool=tool))]
    assert all(command.startswith(tool.replace("ip", "ip6", 1)) for command in commands)


@pytest.mark.parametrize(
    ("ports", "element"),
    [(WEB, f"{VIP} . tcp . 80"), (RANGE, f"{VIP} . udp . 1000-2000"), (ALL, f"{VIP} . tcp . 0-65535")],
)
def test_nft(ports: Ports, element: str) -> None:
    steps = METHOD.steps(replace(WISH, ports=(ports,), tool="nft"))
    assert steps[0] == TABLE
    assert str(steps[1].command()) == f"nft add element inet carom services4 '{{ {element} }}'"


def test_nft_has_a_set_for_each_ip_version() -> None:
    commands = [str(step.command()) for step in METHOD.steps(replace(WISH, vips=(VIP, VIP6), tool="nft"))[1:]]
    assert [command.split()[5] for command in commands] == ["services4", "services6"]
