"""Means systemd."""

from __future__ import annotations

import pytest

from carom.realserver.arp import METHODS
from carom.realserver.persist.common import SYSCTL_PATH, UNIT_PATH
from carom.realserver.persist.systemd import MEANS
from tests.unit.realserver.persist.ground import kept
from tests.unit.realserver.words import VIP


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_kept_by_one_unit(method: str) -> None:
    unit = kept(MEANS, method)[UNIT_PATH].content
    assert unit.count("ExecStart=") >= 1
    assert (f"address replace {VIP}/32" in unit) is METHODS[method].holds_vip


def test_a_setting_is_set_twice_so_that_a_failure_keeps_the_vip_away() -> None:
    """sysctl.d may be overridden by a later file; the unit's own command fails aloud, before the address."""
    items = kept(MEANS, "sysctl")
    assert "arp_ignore = 1" in items[SYSCTL_PATH].content
    unit = items[UNIT_PATH].content
    assert unit.index("arp_ignore=1") < unit.index("address replace")
