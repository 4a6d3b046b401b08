"""Settings of the namespace that asks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from carom.net import sysctl
from tests.net.net.watching import settings
from tests.net.segment import Segment, inside, segment


@pytest.fixture(scope="module")
def lan() -> Iterator[Segment]:
    with segment(reals=1) as built:
        yield built


def test_a_setting_is_the_namespaces_own(lan: Segment) -> None:
    with settings(lan, lan.director, eth0__arp_ignore=2), inside(lan.director):
        assert sysctl.read("ipv4/conf/eth0/arp_ignore") == 2
    with inside(lan.director):
        assert sysctl.read("ipv4/conf/eth0/arp_ignore") == 0


def test_what_is_not_there_is_none(lan: Segment) -> None:
    with inside(lan.director):
        assert sysctl.read("ipv4/conf/nowhere0/arp_ignore") is None
        assert sysctl.read("ipv4/nothing") is None


@pytest.mark.parametrize(("everywhere", "here", "counts"), [(0, 0, 0), (1, 0, 1), (1, 2, 2), (2, 1, 2)])
def test_the_larger_of_all_and_the_nics_own_counts(lan: Segment, everywhere: int, here: int, counts: int) -> None:
    with settings(lan, lan.director, all__rp_filter=everywhere, eth0__rp_filter=here), inside(lan.director):
        assert sysctl.effective("rp_filter", "eth0") == counts
