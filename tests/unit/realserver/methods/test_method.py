"""What methods share, and what the help says of each."""

from __future__ import annotations

import pytest

from carom.realserver.arp import METHODS
from carom.realserver.methods.method import Method, ipv4, on_loopback
from carom.realserver.steps import OwnAddress, Up
from tests.unit.realserver.words import VIP, VIP2, VIP6


def test_the_addresses_arp_is_about() -> None:
    assert ipv4((VIP, VIP6, VIP2)) == (VIP, VIP2)


def test_lo_is_up_before_it_has_addresses() -> None:
    assert on_loopback((VIP, VIP6)) == (Up("lo"), OwnAddress(VIP, "lo"), OwnAddress(VIP6, "lo"))


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_each_says_when_to_choose_it(method: Method) -> None:
    assert method.summary.endswith(".")
    assert method.choose.count(". ") >= 1
    assert bool(method.tools) == bool(method.package)


def test_the_chapters_trade_offs_are_told() -> None:
    """3.2.1 and 3.2.2: several daemons on one port want the VIP; redirect costs connection tracking."""
    assert "several of them can share a port" in METHODS["arptables"].choose
    assert "connection tracking for every connection" in METHODS["redirect"].choose
    assert "two daemons can never share a port" in METHODS["redirect"].choose
