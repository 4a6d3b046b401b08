"""Numbers that last: given once, found again by whoever takes the maps over."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from carom.dataplane.xdp.labels import RealLabels, service_labels, vip_labels
from carom.dataplane.xdp.program import Loaded
from carom.errors import DataPlaneError

A, B = ("web", ip_address("192.168.76.31")), ("web", ip_address("2001:db8::31"))


def test_numbers_count_from_one_and_stay(loaded: Loaded) -> None:
    labels = service_labels(loaded.maps["service_labels"])
    assert [labels.number("web"), labels.number("dns"), labels.number("web")] == [1, 2, 1]


def test_who_takes_the_maps_over_finds_the_same_numbers(loaded: Loaded) -> None:
    vips = vip_labels(loaded.maps["vip_labels"])
    given = [vips.number((ip_address("192.0.2.1"), 6)), vips.number((ip_address("2001:db8::1"), 17))]
    again = vip_labels(loaded.maps["vip_labels"])
    assert again.numbers == vips.numbers
    assert sorted(again.numbers.values()) == given


def test_a_released_number_serves_again(loaded: Loaded) -> None:
    labels = service_labels(loaded.maps["service_labels"])
    number = labels.number("web")
    labels.release("web")
    assert labels.number("mail") == number
    assert service_labels(loaded.maps["service_labels"]).numbers == {"mail": number}


def test_when_none_is_left_that_is_said(loaded: Loaded) -> None:
    labels = service_labels(loaded.maps["service_labels"])
    for n in range(labels.free):
        labels.number(f"s{n}")
    with pytest.raises(DataPlaneError, match='map "service_labels" is full: 4095 numbers are in use'):
        labels.number("one more")


def test_a_real_servers_last_weight_outlives_its_quiescing(loaded: Loaded) -> None:
    labels = RealLabels(loaded.maps["real_labels"])
    for real in (A, B):
        labels.number(real)
    labels.note_weight(A, 5)
    labels.note_weight(A, 0)
    again = RealLabels(loaded.maps["real_labels"])
    assert again.numbers == labels.numbers
    assert again.last_weights == {A: 5, B: 0}
