"""The 256 buckets of `sh` and `dh`."""

from __future__ import annotations

from collections import Counter
from ipaddress import IPv4Address

from carom.core.buckets import BUCKETS, bucket_of, dh_buckets, sh_buckets
from carom.core.hashing import fold


def test_dh_deals_the_buckets_out_in_turn() -> None:
    buckets = dh_buckets(3)
    assert buckets[:7] == (0, 1, 2, 0, 1, 2, 0)
    assert len(buckets) == BUCKETS


def test_sh_gives_each_server_as_many_buckets_in_a_row_as_it_weighs() -> None:
    assert sh_buckets([2, 1, 3])[:8] == (0, 0, 1, 2, 2, 2, 0, 0)


def test_a_quiesced_server_keeps_one_bucket_of_sh() -> None:
    assert sh_buckets([2, 0, 1])[:6] == (0, 0, 1, 2, 0, 0)


def test_a_weight_beyond_the_table_fills_it() -> None:
    assert Counter(sh_buckets([1, 65535, 5])) == {0: 1, 1: 255}


def test_without_servers_there_is_no_table() -> None:
    assert dh_buckets(0) == sh_buckets([]) == ()


def test_a_clients_bucket_and_those_after_it() -> None:
    client = fold(IPv4Address("10.64.0.1"))
    assert bucket_of(client) == 185
    assert bucket_of(client, 70) == 255
    assert bucket_of(client, 71) == 0


def test_a_port_added_to_an_address_wraps_at_32_bits() -> None:
    assert bucket_of(fold(IPv4Address("255.255.255.255")) + 2) == bucket_of(1)
