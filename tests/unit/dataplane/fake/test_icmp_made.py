"""What the oracle's director says by ICMP; that it is sound is shown in `tests/dataplane`, by scapy."""

from __future__ import annotations

import pytest

from carom.dataplane.fake import packet
from carom.dataplane.fake.icmp_made import Allowance, error, may_be_told
from tests.dataplane.frames import icmp, icmp6, tcp

FOUR, SIX = ("10.0.0.1:1025", "192.168.76.24:80"), ("[2001:db8::1]:1025", "[2001:db8:76::24]:80")


def test_a_second_has_its_own_allowance() -> None:
    allowance = Allowance()
    assert [allowance.ask(7, 2) for _ in range(3)] == [True, True, False]
    assert [allowance.ask(8, 2) for _ in range(3)] == [True, True, False]
    assert not allowance.ask(9, 0)


@pytest.mark.parametrize(("ends", "most"), [(FOUR, 576), (SIX, 1280)])
def test_it_fits_what_everybody_can_take(ends: tuple[str, str], most: int) -> None:
    assert len(error(tcp(*ends, "A", bytes(1400))[14:], 1300)) == most
    assert len(error(tcp(*ends, "A")[14:], 0)) < 120


def test_nobody_is_told_about_an_error() -> None:
    assert may_be_told(packet.ip4(tcp(*FOUR)[14:]))
    assert may_be_told(packet.ip6(tcp(*SIX)[14:]))
    assert not may_be_told(packet.ip4(icmp("10.0.0.1", "192.168.76.24", 3)[14:]))
    assert not may_be_told(packet.ip6(icmp6("2001:db8::1", "2001:db8:76::24", 1)[14:]))
