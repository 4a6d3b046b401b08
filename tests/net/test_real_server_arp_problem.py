"""The ARP problem itself, measured: which settings of a real server leak the VIP, and which hold.

The table of docs/arp-problem.md. Each row is set by hand, as the guides have it; Carom is not asked.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.net.realserver_net import (
    VIP,
    VIP6,
    Segment,
    believes,
    point,
    reply_after_the_gateway_was_forgotten,
    resolve,
    segment,
)

FRESH = 30
SETTINGS = ("all.arp_ignore", "lo.arp_ignore", "eth0.arp_ignore", "all.arp_announce", "lo.arp_announce")


@pytest.fixture(scope="module")
def standing() -> Iterator[Segment]:
    with segment(VIP, VIP6) as built:
        built.on(built.real, "ip", "address", "add", f"{VIP}/32", "dev", "lo")
        built.on(built.real, "ip", "address", "add", f"{VIP6}/128", "dev", "lo")
        yield built


@pytest.fixture
def net(standing: Segment) -> Segment:
    """The segment, with a real server that owns the VIP and nothing else set."""
    configure(standing, *(f"{name}=0" for name in SETTINGS))
    return standing


def configure(net: Segment, *settings: str) -> None:
    net.on(net.real, "sysctl", "-qw", *(f"net.ipv4.conf.{setting}" for setting in settings))


@pytest.mark.parametrize(
    ("settings", "answer"),
    [
        ((), {"director", "real"}),
        (("lo.arp_ignore=1",), {"director", "real"}),
        (("lo.arp_ignore=1", "lo.arp_announce=2"), {"director", "real"}),
        (("all.arp_ignore=3",), {"director", "real"}),
        (("all.arp_ignore=1",), {"director"}),
        (("all.arp_ignore=2",), {"director"}),
        (("eth0.arp_ignore=1",), {"director"}),
    ],
    ids=lambda value: ",".join(value) or "nothing" if isinstance(value, tuple) else "",
)
def test_who_answers_who_has_the_vip(net: Segment, settings: tuple[str, ...], answer: set[str]) -> None:
    if settings:
        configure(net, *settings)
    assert resolve(net, VIP, FRESH) == [answer] * FRESH


@pytest.mark.parametrize(
    ("announce", "holder"),
    [
        ("all.arp_announce=0", "real"),
        ("all.arp_announce=1", "real"),
        ("lo.arp_announce=2", "real"),
        ("all.arp_announce=2", "director"),
    ],
)
def test_who_holds_the_vip_after_the_real_server_asked_for_its_gateway(
    net: Segment, announce: str, holder: str
) -> None:
    """The half that shows later: arp_ignore is right, and the first gateway lookup for a reply takes the VIP away."""
    configure(net, "all.arp_ignore=1", announce)
    point(net, VIP, net.director)
    reply_after_the_gateway_was_forgotten(net, VIP)
    assert believes(net, VIP) == holder


def test_an_interface_without_arp_is_no_cure_by_itself(net: Segment) -> None:
    net.on(net.real, "ip", "address", "del", f"{VIP}/32", "dev", "lo")
    net.on(net.real, "ip", "link", "add", "quiet0", "link", "eth0", "arp", "off", "type", "macvlan", "mode", "private")
    net.on(net.real, "ip", "link", "set", "quiet0", "up")
    try:
        net.on(net.real, "ip", "address", "add", f"{VIP}/32", "dev", "quiet0")
        assert resolve(net, VIP, FRESH) == [{"director", "real"}] * FRESH
    finally:
        net.on(net.real, "ip", "link", "del", "quiet0")
        net.on(net.real, "ip", "address", "add", f"{VIP}/32", "dev", "lo")


def test_ipv6_on_lo_needs_no_setting(net: Segment) -> None:
    assert resolve(net, VIP6, FRESH) == [{"director"}] * FRESH


def test_ipv6_on_the_nic_answers(net: Segment) -> None:
    net.on(net.real, "ip", "address", "add", f"{VIP6}/128", "dev", "eth0", "nodad")
    try:
        assert resolve(net, VIP6, FRESH) == [{"director", "real"}] * FRESH
    finally:
        net.on(net.real, "ip", "address", "del", f"{VIP6}/128", "dev", "eth0")
