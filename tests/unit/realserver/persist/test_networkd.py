"""Means networkd."""

from __future__ import annotations

import pytest

from carom.realserver.persist.networkd import MEANS, PATH
from tests.unit.realserver.persist.ground import Paper, kept
from tests.unit.realserver.words import VIP, VIP6


def test_each_vip_is_an_address_section_without_detection() -> None:
    content = kept(MEANS, "sysctl")[PATH].content
    assert "[Match]\nName=lo\n" in content
    for vip in (VIP, VIP6):
        assert f"[Address]\nAddress={vip}/{vip.max_prefixlen}\nDuplicateAddressDetection=none\n" in content


@pytest.mark.parametrize("match", ["Name=lo", "Name=eth0 lo", "Name=lo eth0"])
def test_a_file_for_lo_that_is_there_is_added_to(match: str) -> None:
    """networkd takes the first file that matches; a second would be ignored."""
    ground = Paper(etc__systemd__network__loop_dot_network=f"[Match]\n{match}\n")
    items = kept(MEANS, "sysctl", ground)
    assert PATH not in items
    assert "[Match]" not in items["/etc/systemd/network/loop.network.d/50-carom.conf"].content


def test_a_file_for_another_interface_is_none_of_ours() -> None:
    ground = Paper(etc__systemd__network__loop_dot_network="[Match]\nName=lo1 enlo\n")
    assert PATH in kept(MEANS, "sysctl", ground)


def test_redirect_has_no_address_to_keep() -> None:
    assert PATH not in kept(MEANS, "redirect")
