"""Descriptions: what is written is read again, and what is none is told apart."""

from __future__ import annotations

import ctypes as c
import json
from dataclasses import replace

import pytest

from carom.dataplane.xdp.description import Description, Part, Record, ours, read
from carom.dataplane.xdp.layout import LAYOUT_VERSION, STRUCTS
from carom.dataplane.xdp.layout import Description as Kept
from carom.errors import DataPlaneError

REASONS = ("forwarded", "stray")


def test_what_is_written_is_read_again_and_fits_where_it_is_kept() -> None:
    text = ours(REASONS).text()
    assert read(text + b"\0\0\0") == ours(REASONS)
    assert len(text) < c.sizeof(Kept) * 3 // 4, "reasons and fields may be added yet"
    assert ours(REASONS).layout == LAYOUT_VERSION


def test_every_field_of_a_record_is_said_and_none_twice() -> None:
    """Words of bits are said part by part, each at its own."""
    described = ours(REASONS)
    for name, record in described.records.items():
        if name not in STRUCTS:
            continue
        said = {at for part in record.parts.values() for at in range(part.at, part.at + part.size)}
        gaps = set(range(record.size)) - said
        assert len(gaps) <= 28, f"{name}: what is not said is padding, and timeouts of no state"
        bits = [(part.at, part.shift + bit) for part in record.parts.values() if part.bits for bit in range(part.bits)]
        assert len(bits) == len(set(bits)), name


def test_a_flow_is_said_down_to_the_bit() -> None:
    flow = ours(REASONS).records["flow4"]
    assert flow.size == 16
    assert flow.parts["real"] == Part(8, 8, 16, 20)
    assert flow.parts["state"] == Part(8, 8, 36, 5, "state")
    assert flow.parts["client"] == Part(0, 4)


def test_of_two_halves_one_is_seen() -> None:
    one, other = (ours(REASONS).in_half(half).records["service"].parts["version"] for half in (0, 1))
    assert (one.shift, other.shift) == (0, 24)
    assert not ours(REASONS).in_half(0).same(ours(REASONS).in_half(1), "services")
    assert ours(REASONS).in_half(0).same(ours(REASONS).in_half(1), "members")


def test_maps_mean_the_same_where_their_records_and_names_do() -> None:
    mine = ours(REASONS)
    assert mine.same(ours(REASONS), "reals")
    wider = Record(20, mine.records["real"].parts)
    assert not mine.same(replace(mine, records={**mine.records, "real": wider}), "reals")
    assert not mine.same(ours(("stray", "forwarded")), "reasons")
    states = tuple(reversed(mine.names["state"]))
    other = replace(mine, names={**mine.names, "state": states})
    assert not mine.same(other, "flows4")
    assert mine.same(other, "reals")
    assert not mine.same(replace(mine, maps={}), "reals")


def changed(**parts: object) -> bytes:
    document = json.loads(ours(REASONS).text())
    document.update(parts)
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"\0" * 64, b"\xff\xfe", b"[]", b"{}", b"null", ours(REASONS).text()[:-5]),
        *(changed(layout="two"), changed(maps={"reals": ["lost"]}), changed(maps={"reals": 5})),
        *(changed(records={}), changed(names={}), changed(records={"real": [4, {"mac": [0, 6]}]}, maps={})),
        changed(records={"real": [4, {"mac": [0, 4, 30, 6]}]}, maps={}),
    ],
)
def test_what_is_no_description_is_an_error_of_its_own(text: bytes) -> None:
    with pytest.raises(DataPlaneError, match="no description of a layout"):
        read(text)


def test_a_later_one_may_say_more() -> None:
    """What this build does not know is left alone."""
    found: Description = read(changed(more={"of": "something"}))
    assert found == ours(REASONS)
