"""Method sysctl."""

from __future__ import annotations

from carom.realserver.methods.sysctl import METHOD
from carom.realserver.steps import Sysctl
from tests.unit.realserver.words import VIP, WISH


def test_the_commands_of_the_default_method() -> None:
    assert [str(step.command()) for step in METHOD.steps(WISH)] == [
        "sysctl -w net.ipv4.conf.all.arp_ignore=1",
        "sysctl -w net.ipv4.conf.all.arp_announce=2",
        "ip link set lo up",
        f"ip address add {VIP}/32 dev lo",
    ]


def test_lo_s_own_settings_are_not_touched() -> None:
    """They have no effect, and many recipes set nothing else."""
    keys = [step.key for step in METHOD.steps(WISH) if isinstance(step, Sysctl)]
    assert not [key for key in keys if ".lo." in key]
