"""One lab at work for all of the doctor's tests: each breaks something in it and heals it again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from carom.lab import director, standing
from carom.lab.network import VIP, VIP6
from carom.lab.setup import OWN_ENDPOINTS, set_to_work
from carom.lab.standing import Lab
from tests import conftest


def configuration() -> str:
    """The lab's own service, and the same over IPv6; what was healed is forgotten in seconds."""
    reals6 = '"fd00:76::31", "fd00:76::32", "fd00:76::33"'
    service = f'[[service]]\nname = "web6"\nvip = "{VIP6}"\nports = ["tcp/80"]\nscheduler = "wrr"\nreals = [{reals6}]\n'
    watched = director.configuration((3, 2, 1)).replace('interface = "eth0"', 'interface = "eth0"\nwatch = "1s"')
    return f"{watched}\n{service}"


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """As elsewhere, but of all these modules together: the lab's programs end and start again in them."""
    before = conftest.standing()
    yield
    assert not conftest.standing() - before


@pytest.fixture(scope="session")
def lab(nothing_is_left_behind: None) -> Iterator[Lab]:
    with standing.temporary(standing.fresh_name("ward"), (VIP, VIP6), configuration()) as built:
        set_to_work(built, OWN_ENDPOINTS)
        yield built
