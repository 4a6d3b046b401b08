"""Tables and numbers for people."""

from __future__ import annotations

import pytest

from carom.cli.table import flows_of, lines, narrowed, quantity, size, span


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    rows = [("NAME", "BYTES"), ("192.168.76.31", "1"), ("one", "12,345")]
    assert list(lines(rows, left=frozenset({0}))) == [
        "NAME            BYTES",
        "192.168.76.31       1",
        "one            12,345",
    ]


def test_no_rows_are_no_lines() -> None:
    assert list(lines([], frozenset())) == []


def test_no_line_ends_in_spaces() -> None:
    assert list(lines([("A", "B"), ("x", "")], frozenset({0, 1}))) == ["A  B", "x"]


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0"), (0.04, "0.0"), (1, "1"), (1.44, "1.4"), (99.9, "99.9"), (99.96, "100"), (1234.5, "1,234")],
)
def test_a_quantity_is_short(number: float, words: str) -> None:
    assert quantity(number) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1_440, "1.4 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (15_000_000_000, "15 GB"),
        (10**18, "1,000 PB"),
    ],
)
def test_a_size_has_three_digits_or_so(count: float, words: str) -> None:
    assert size(count) == words


def test_a_column_in_which_nothing_stands_takes_no_room() -> None:
    assert list(lines([("A", "", "B"), ("x", "", "y")], frozenset({0, 1, 2}))) == ["A  B", "x  y"]


@pytest.mark.parametrize(
    ("width", "heading"), [(None, "AAAA  BBBB  CCCC"), (16, "AAAA  BBBB  CCCC"), (15, "AAAA  CCCC"), (8, "CCCC")]
)
def test_a_narrow_terminal_does_without_what_is_spare(width: int | None, heading: str) -> None:
    rows = [("AAAA", "BBBB", "CCCC"), ("1", "2", "3")]
    assert next(lines(narrowed(rows, width, (1, 0)), frozenset({0, 1, 2}))) == heading


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0s"), (59, "59s"), (125, "2m05s"), (3600, "1h00m"), (65535, "18h12m")]
)
def test_a_time_that_passes(seconds: int, words: str) -> None:
    assert span(seconds) == words


@pytest.mark.parametrize(
    ("vip", "ipv6", "words"),
    [
        ("192.168.76.24", 0, "1,200 of 4,096 flows"),
        ("2001:db8::24", 0, "1,200 IPv4 and 0 IPv6 flows of 4,096 each"),
        ("192.168.76.24", 7, "1,200 IPv4 and 7 IPv6 flows of 4,096 each"),
    ],
)
def test_the_table_of_ipv6_is_named_where_it_is_used(vip: str, ipv6: int, words: str) -> None:
    flows = {"ipv4": 1_200, "ipv6": ipv6, "capacity": 4_096}
    assert flows_of({"flows": flows, "services": [{"vip": vip}]}) == words
