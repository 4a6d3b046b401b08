"""What the means share: settings, rules, and the unit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from carom.errors import RealServerError
from carom.realserver.arp import plan
from carom.realserver.persist.common import (
    HEADER,
    NFT_PATH,
    boot_commands,
    loopback_addresses,
    nft_items,
    rule_items,
    sysctl_items,
    unit_items,
)
from tests.unit.realserver.persist.ground import Paper, wish
from tests.unit.realserver.words import RIP, VIP, VIP6


def test_settings_are_read_last() -> None:
    """sysctl.d(5): the last file wins, and /etc/sysctl.conf is 99-sysctl.conf on Debian."""
    (item,) = sysctl_items(plan(wish("sysctl")))
    assert item.path.rpartition("/")[2] > "99-sysctl.conf"
    assert "\nnet.ipv4.conf.all.arp_ignore = 1\n" in item.content
    assert not list(sysctl_items(plan(wish("nft"))))


def test_tables_come_with_their_elements_in_one_file() -> None:
    (item,) = nft_items(plan(wish("nft")))
    assert item.content.startswith(HEADER)
    assert item.content.endswith(
        f"}}\nadd element arp carom vips {{ {VIP} }}\nadd element arp carom rips {{ {VIP} : {RIP} }}\n"
    )


@pytest.mark.parametrize(
    ("method", "commands"),
    [
        (
            "sysctl",
            [
                "/usr/sbin/sysctl -w net.ipv4.conf.all.arp_ignore=1",
                "/usr/sbin/sysctl -w net.ipv4.conf.all.arp_announce=2",
                "/usr/sbin/ip link set lo up",
                f"/usr/sbin/ip address replace {VIP}/32 dev lo",
                f"/usr/sbin/ip address replace {VIP6}/128 dev lo nodad",
            ],
        ),
        (
            "nft",
            [
                f"/usr/sbin/nft -f {NFT_PATH}",
                "/usr/sbin/ip link set lo up",
                f"/usr/sbin/ip address replace {VIP}/32 dev lo",
                f"/usr/sbin/ip address replace {VIP6}/128 dev lo nodad",
            ],
        ),
        (
            "arptables",
            [
                f"-/usr/sbin/arptables-nft -D INPUT -d {VIP} -j DROP",
                f"/usr/sbin/arptables-nft -A INPUT -d {VIP} -j DROP",
                f"-/usr/sbin/arptables-nft -D OUTPUT -s {VIP} -j mangle --mangle-ip-s {RIP}",
                f"/usr/sbin/arptables-nft -A OUTPUT -s {VIP} -j mangle --mangle-ip-s {RIP}",
                "/usr/sbin/ip link set lo up",
                f"/usr/sbin/ip address replace {VIP}/32 dev lo",
                f"/usr/sbin/ip address replace {VIP6}/128 dev lo nodad",
            ],
        ),
    ],
)
def test_what_runs_at_boot_can_run_twice_and_only_deletions_may_fail(method: str, commands: list[str]) -> None:
    assert boot_commands(plan(wish(method)), Paper()) == commands


def test_the_unit_is_done_before_any_network_and_after_every_flush() -> None:
    unit, link = unit_items(plan(wish("nft")), Paper())
    lines = unit.content.splitlines()
    assert "Before=network-pre.target shutdown.target" in lines
    assert any("nftables.service" in line for line in lines if line.startswith("After="))
    assert "DefaultDependencies=no" in lines
    assert link.target == unit.path


def test_a_macvlan_waits_for_its_nic() -> None:
    steps = plan(wish("noarp"))
    assert "device" not in next(iter(unit_items(steps, Paper()))).content
    hung = plan(replace(wish("noarp"), link="macvlan"))
    unit = next(iter(unit_items(hung, Paper())))
    assert "Wants=network-pre.target sys-subsystem-net-devices-eth0.device" in unit.content.splitlines()


def test_a_means_that_gives_addresses_itself_leaves_the_rules_to_the_unit() -> None:
    unit = {item.path: item for item in rule_items(plan(wish("nft")), Paper())}
    assert NFT_PATH in unit
    assert not any("address" in item.content for item in unit.values())
    assert not list(rule_items(plan(wish("sysctl")), Paper()))


def test_addresses_that_are_not_on_lo_are_refused() -> None:
    assert loopback_addresses(plan(wish("sysctl")), "netplan") == (VIP, VIP6)
    with pytest.raises(RealServerError, match="netplan cannot keep an interface without ARP"):
        loopback_addresses(plan(wish("noarp")), "netplan")
