"""Means networkmanager."""

from __future__ import annotations

from configparser import ConfigParser

from carom.realserver.persist.networkmanager import MEANS, PATH
from tests.unit.realserver.persist.ground import kept
from tests.unit.realserver.words import VIP, VIP6


def test_a_profile_of_lo_that_only_root_can_read() -> None:
    item = kept(MEANS, "sysctl")[PATH]
    profile = ConfigParser()
    profile.read_string(item.content)
    assert item.mode == 0o600
    assert (profile["connection"]["type"], profile["connection"]["interface-name"]) == ("loopback", "lo")
    assert dict(profile["ipv4"]) == {"method": "manual", "address1": "127.0.0.1/8", "address2": f"{VIP}/32"}
    assert dict(profile["ipv6"]) == {"method": "manual", "address1": "::1/128", "address2": f"{VIP6}/128"}


def test_the_profile_is_the_same_one_whatever_it_holds() -> None:
    def identity(method: str) -> str:
        return kept(MEANS, method)[PATH].content.partition("uuid=")[2].splitlines()[0]

    assert identity("sysctl") == identity("nft")
