"""What a NIC tells about itself, as `ip` and `ethtool` say it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest

from carom.errors import NetError
from carom.net import nic
from tests.net.segment import Segment, inside, segment


@pytest.fixture(scope="module")
def lan() -> Iterator[Segment]:
    with segment(reals=1) as built:
        yield built


def test_its_mtu(lan: Segment) -> None:
    lan.on(lan.director, "ip", "link", "set", "eth0", "mtu", "1400")
    with inside(lan.director):
        assert nic.mtu("eth0") == 1400
    lan.on(lan.director, "ip", "link", "set", "eth0", "mtu", "1500")


def test_its_driver(lan: Segment) -> None:
    with inside(lan.director):
        assert nic.driver("eth0") == "veth"


def test_its_features_by_name(lan: Segment) -> None:
    with inside(lan.director):
        assert "rx-gro" not in nic.features("eth0")
        assert "tx-checksum-ip-generic" in nic.features("eth0")
        assert "rx-lro" not in nic.features("eth0")


def test_its_features_as_ethtool_lists_them(lan: Segment) -> None:
    if shutil.which("ethtool") is None:
        pytest.skip("ethtool is not installed, to compare with")
    listed = lan.on(lan.director, "ethtool", "-k", "eth0")
    on = set(re.findall(r"^\t?([a-z0-9-]+): on", listed, re.MULTILINE))
    for mine, theirs in (("rx-gro", "generic-receive-offload"), ("rx-lro", "large-receive-offload")):
        with inside(lan.director):
            assert (mine in nic.features("eth0")) == (theirs in on)
    with inside(lan.director):
        assert {name for name in nic.features("eth0") if name in re.findall(r"[a-z0-9-]+(?=:)", listed)} <= on


def test_a_nic_that_is_not_there_is_named(lan: Segment) -> None:
    with inside(lan.director):
        for ask in (nic.mtu, nic.driver, nic.features):
            with pytest.raises(NetError, match="nowhere0 does not tell about itself: No such device"):
                ask("nowhere0")
