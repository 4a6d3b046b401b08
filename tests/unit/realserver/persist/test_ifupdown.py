"""Means ifupdown."""

from __future__ import annotations

import pytest

from carom.errors import RealServerError
from carom.realserver.arp import METHODS
from carom.realserver.persist.ifupdown import MEANS, PATH
from tests.unit.realserver.persist.ground import Paper, kept
from tests.unit.realserver.words import VIP, VIP6

SOURCED = "auto lo\niface lo inet loopback\n"


def debian(line: str = "source /etc/network/interfaces.d/*") -> Paper:
    return Paper(etc__network__interfaces=f"{SOURCED}{line}\n")


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_kept_without_systemd(method: str) -> None:
    items = kept(MEANS, method, debian())
    assert not any("systemd" in path for path in items)
    lines = [line.split() for line in items[PATH].content.splitlines()]
    assert any(line[:1] == ["pre-up"] for line in lines)


def test_the_silence_is_in_the_first_stanza_before_its_address() -> None:
    content = kept(MEANS, "sysctl", debian())[PATH].content
    first, second = content.split("\n\n")
    assert "arp_ignore=1" in first
    assert f"address {VIP}/32" in first
    assert second.split() == ["iface", "lo", "inet6", "static", "address", f"{VIP6}/128", "dad-attempts", "0"]


def test_what_may_fail_is_followed_by_or_true() -> None:
    content = kept(MEANS, "arptables", debian())[PATH].content
    assert all(("|| true" in line) == (" -D " in line) for line in content.splitlines() if "arptables-nft" in line)


@pytest.mark.parametrize("line", ["source-directory /etc/network/interfaces.d", "source interfaces.d/*"])
def test_other_spellings_of_the_line_that_reads_the_folder(line: str) -> None:
    assert PATH in kept(MEANS, "sysctl", debian(line))


def test_interfaces_that_reads_no_folder_is_told_the_line_it_lacks() -> None:
    with pytest.raises(RealServerError, match=r"add the line `source /etc/network/interfaces\.d/\*`"):
        kept(MEANS, "sysctl", debian("# source /etc/network/interfaces.d/*"))
