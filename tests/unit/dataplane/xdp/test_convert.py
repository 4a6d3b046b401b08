"""Records of one layout as those of another: by names, and nothing is lost in silence."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import pytest

from carom.dataplane.xdp.convert import Converter
from carom.dataplane.xdp.description import Description, Part, Record
from carom.errors import DataPlaneError


def described(size: int, parts: Mapping[str, Part], *colours: str) -> Description:
    return Description(1, {"thing": Record(size, parts)}, {}, {"colour": colours, "state": ()})


OLD = described(
    8,
    {"id": Part(0, 4, 0, 20), "flag": Part(0, 4, 31, 1), "colour": Part(0, 4, 20, 4, "colour"), "mac": Part(4, 3)},
    *("red", "green", "blue"),
)
WIDER = described(
    24,
    {
        "more": Part(0, 8, 0, 64),
        "mac": Part(8, 6),
        "colour": Part(14, 1, 0, 8, "colour"),
        "id": Part(16, 8, 0, 40),
        "flag": Part(16, 8, 63, 1),
    },
    *("black", "blue", "green"),
)
THING = struct.pack("=I3sx", 77 | 2 << 20 | 1 << 31, b"\1\2\3")
"""Number 77, blue, flagged."""


def test_parts_go_to_where_they_are_there_and_new_ones_are_zero() -> None:
    made = Converter(OLD, WIDER, "thing").convert(THING)
    assert made == struct.pack("=Q6sBxQ", 0, b"\1\2\3", 1, 77 | 1 << 63), "blue has another number there"


def test_the_way_back_is_the_same() -> None:
    there = Converter(OLD, WIDER, "thing").convert(THING)
    assert Converter(WIDER, OLD, "thing").convert(there) == THING


def test_a_number_whose_name_is_unknown_there_is_an_error() -> None:
    red = struct.pack("=I3sx", 77, b"\1\2\3")
    with pytest.raises(DataPlaneError, match="a thing of layout 1 has the colour red, unknown here"):
        Converter(OLD, WIDER, "thing").convert(red)
    nameless = struct.pack("=I3sx", 9 << 20, b"\1\2\3")
    with pytest.raises(DataPlaneError, match="the colour 9, unknown here"):
        Converter(OLD, WIDER, "thing").convert(nameless)


@pytest.mark.parametrize(
    ("record", "part"),
    [
        (struct.pack("=Q6sBxQ", 0, b"\1\2\3", 1, 1 << 20), "id"),
        (struct.pack("=Q6sBxQ", 0, b"\1\2\3\4", 1, 77), "mac"),
    ],
)
def test_what_does_not_fit_is_an_error(record: bytes, part: str) -> None:
    with pytest.raises(DataPlaneError, match=f"the {part} of a thing of layout 1 does not fit into layout 1"):
        Converter(WIDER, OLD, "thing").convert(record)


def test_a_record_that_the_old_layout_has_not_is_named() -> None:
    with pytest.raises(DataPlaneError, match="layout 1 has no other"):
        Converter(OLD, WIDER, "other")
