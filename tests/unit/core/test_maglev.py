"""The Maglev table: the kernel's own, and what any such table must keep."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from ipaddress import IPv4Address

from hypothesis import given
from hypothesis import strategies as st

from carom.core.hashing import fold
from carom.core.maglev import PRIMES, Server, maglev_hash, maglev_table

SMALL = 8
"""251 slots."""


def servers(*weights: int, port: int = 80) -> list[Server]:
    """192.168.76.33, .32, .31 and so on, as IPVS lists servers that were added in the order of their addresses."""
    return [Server(IPv4Address("192.168.76.33") - place, port, weight) for place, weight in enumerate(weights)]


def test_the_table_is_the_kernels() -> None:
    """The vm tier found the kernel to pick by this very table."""
    table = maglev_table(servers(2, 1, 1))
    assert table[:16] == (2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 0, 2, 2)
    assert sha256(bytes(table)).hexdigest() == "cd1900a2feb213eecaac25839b2d9a7dcb9eb78223120e5a586ee7f4822b5fbe"
    assert maglev_hash(fold(IPv4Address("10.64.0.1"))) % len(table) == 2976


def test_shares_follow_the_weights() -> None:
    assert Counter(maglev_table(servers(2, 1, 1))) == {0: 2047, 1: 1023, 2: 1023}
    assert Counter(maglev_table(servers(200, 100, 100))) == {0: 2047, 1: 1023, 2: 1023}


def test_weights_that_the_table_cannot_hold_are_scaled_down_but_never_to_nothing() -> None:
    """1000:1:350 becomes 62:1:21: at most 63 turns in a table of 4,093."""
    assert Counter(maglev_table(servers(1000, 1, 350))) == {0: 3037, 1: 48, 2: 1008}


def test_a_server_without_a_weight_has_no_slot() -> None:
    assert set(maglev_table(servers(1, 0, 1), SMALL)) == {0, 2}


def test_without_any_weight_there_is_no_table() -> None:
    assert maglev_table([]) == maglev_table(servers(0, 0)) == ()


def test_the_port_of_a_server_is_part_of_its_name() -> None:
    assert maglev_table(servers(1, 1, 1, port=80)) != maglev_table(servers(1, 1, 1, port=0))


def test_a_server_that_goes_moves_few_slots_that_were_not_its_own() -> None:
    before = maglev_table(servers(1, 1, 1, 1, 1))
    after = maglev_table(servers(1, 1, 1, 1))
    moved = sum(was != now for was, now in zip(before, after, strict=True) if was != 4)
    assert moved / len(before) < 0.1


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=20), st.sampled_from([8, 9, 10]))
def test_every_slot_is_taken_by_somebody_who_weighs_something(weights: list[int], index: int) -> None:
    table = maglev_table(servers(*weights), index)
    assert len(table) == (PRIMES[index] if any(weights) else 0)
    assert set(table) == {place for place, weight in enumerate(weights) if weight}
