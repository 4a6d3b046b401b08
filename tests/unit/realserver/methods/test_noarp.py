"""Method noarp: an interface of its own, and the silence that Linux wants all the same."""

from __future__ import annotations

from dataclasses import replace

from carom.realserver.methods.noarp import METHOD
from tests.unit.realserver.words import VIP, WISH


def commands(link: str) -> list[str]:
    return [str(step.command()) for step in METHOD.steps(replace(WISH, link=link))]


def test_the_silence_the_interface_the_address() -> None:
    assert commands("dummy") == [
        "sysctl -w net.ipv4.conf.all.arp_ignore=1",
        "sysctl -w net.ipv4.conf.all.arp_announce=2",
        "ip link add carom0 arp off type dummy",
        "ip link set carom0 up",
        f"ip address add {VIP}/32 dev carom0",
    ]


def test_a_macvlan_hangs_on_the_nic() -> None:
    assert "ip link add carom0 link eth0 arp off type macvlan mode private" in commands("macvlan")
