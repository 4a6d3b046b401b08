"""Means netplan."""

from __future__ import annotations

import pytest

from carom.errors import RealServerError
from carom.realserver.persist.netplan import MEANS, PATH
from tests.unit.realserver.persist.ground import Paper, kept
from tests.unit.realserver.words import VIP, VIP6


def test_the_vips_are_addresses_of_lo() -> None:
    item = kept(MEANS, "sysctl")[PATH]
    assert item.mode == 0o600
    assert item.content.endswith(f'      addresses:\n        - "{VIP}/32"\n        - "{VIP6}/128"\n')


def test_under_networkmanager_netplan_makes_no_profile_for_lo() -> None:
    ground = Paper(etc__netplan__01_dot_yaml="network:\n  renderer: NetworkManager\n")
    with pytest.raises(RealServerError, match=r"/etc/netplan/01\.yaml renders by NetworkManager"):
        kept(MEANS, "sysctl", ground)
