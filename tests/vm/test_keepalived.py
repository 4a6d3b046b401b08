"""Carom's checks beside keepalived's, measured in one guest: `./dev bench keepalived`, which is larger."""

from __future__ import annotations

import pytest

from bench import keepalived

SIZE = keepalived.Size(services=5, every=1, seconds=4)


def test_both_check_all_real_servers_as_often() -> None:
    if reason := keepalived.absent():
        pytest.skip(reason)
    found = keepalived.run(SIZE)
    for program in ("caromd", "keepalived"):
        assert found[program]["well"] == found["reals"] == 20
        assert 14 <= found[program]["checks_per_second"] <= 26
        assert found[program]["pss_mib"] > 1
    assert found["keepalived"]["processes"] == 2
