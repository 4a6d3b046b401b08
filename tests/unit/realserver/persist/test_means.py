"""All means together."""

from __future__ import annotations

import pytest

from carom.realserver.persist.common import HEADER
from carom.realserver.persist.means import MEANS
from tests.unit.realserver.persist.ground import Paper, kept

GROUND = Paper(etc__network__interfaces="source /etc/network/interfaces.d/*\n")


def test_each_goes_by_its_own_name() -> None:
    assert list(MEANS) == [means.name for means in MEANS.values()]
    assert set(MEANS) == {"systemd", "networkd", "networkmanager", "ifupdown", "netplan"}


@pytest.mark.parametrize("name", MEANS)
@pytest.mark.parametrize("method", ["sysctl", "arptables", "nft", "redirect"])
def test_every_file_says_whose_it_is_and_every_method_is_kept(name: str, method: str) -> None:
    items = kept(MEANS[name], method, GROUND)
    assert items
    assert all(item.content.startswith(HEADER) for item in items.values() if not item.target)
    assert len({path for path in items if "carom" in path}) == len(items)
