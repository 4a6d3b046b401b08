"""The lab's client, against a real server's web server on its own node."""

from __future__ import annotations

import pytest

from carom.lab import traffic
from carom.lab.network import VIP, VIP6
from carom.lab.standing import Lab
from carom.model import Address


@pytest.mark.parametrize("vip", [VIP, VIP6])
def test_requests_are_tallied_by_who_answered(serving: Lab, vip: Address) -> None:
    tally = traffic.send(serving.namespace("real2"), vip, 80, 5)
    assert (tally.requests, tally.failed, dict(tally.by_real)) == (5, 0, {"real2": 5})


def test_a_download_is_read_to_its_end(serving: Lab) -> None:
    answer = traffic.get(serving.namespace("real1"), VIP, 80, "/bytes/1000000")
    assert (answer.real, answer.bytes) == ("real1", 1_000_000)
    assert 0 < answer.seconds < 5


def test_failures_are_counted_and_the_rest_is_not_tried(serving: Lab) -> None:
    tally = traffic.send(serving.namespace("real1"), VIP, 81, 100)
    assert (tally.failed, tally.by_real.total()) == (100, 0)
    assert tally.errors == ["ConnectionRefusedError: [Errno 111] Connection refused"] * 3
