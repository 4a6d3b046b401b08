"""Both sides of the contract: `bpf/maps.h`, by the object's BTF, against `layout`."""

from __future__ import annotations

import ctypes as c
import re
from ipaddress import ip_address
from pathlib import Path

import pytest

from carom.dataplane.xdp import description, layout, program
from carom.dataplane.xdp.libbpf import Object
from carom.dataplane.xdp.program import OBJECT, OWN, Loaded

BPF = Path(__file__).parents[4] / "bpf"
MAPS = "".join(path.read_text() for path in (BPF / "maps.h", *sorted(BPF.glob("maps/*.h"))))


class BtfType(c.Structure):
    """struct btf_type: https://docs.kernel.org/bpf/btf.html"""

    _fields_ = (("name", c.c_uint32), ("info", c.c_uint32), ("size", c.c_uint32))


class BtfMember(c.Structure):
    _fields_ = (("name", c.c_uint32), ("type", c.c_uint32), ("offset", c.c_uint32))


BTF_KIND_STRUCT = 4


@pytest.fixture(scope="module")
def structs() -> dict[str, tuple[int, dict[str, int]]]:
    """The object's structs by BTF: size in bytes, and each field's offset in bits."""
    library = c.CDLL("libbpf.so.1")
    library.btf__parse_elf.restype = library.btf__type_by_id.restype = c.c_void_p
    library.btf__name_by_offset.restype = c.c_char_p
    btf = c.c_void_p(library.btf__parse_elf(bytes(OBJECT), None))

    def name(offset: int) -> str:
        found: bytes = library.btf__name_by_offset(btf, offset)
        return found.decode()

    found = {}
    for number in range(1, library.btf__type_cnt(btf)):
        address = library.btf__type_by_id(btf, number)
        kind = BtfType.from_address(address)
        if kind.info >> 24 & 31 == BTF_KIND_STRUCT:
            members = (BtfMember * (kind.info & 0xFFFF)).from_address(address + c.sizeof(BtfType))
            found[name(kind.name)] = (kind.size, {name(member.name): member.offset for member in members})
    library.btf__free(btf)
    return found


@pytest.mark.parametrize("name", layout.STRUCTS)
def test_a_struct_is_the_same_on_both_sides(structs: dict[str, tuple[int, dict[str, int]]], name: str) -> None:
    ours = layout.STRUCTS[name]
    fields = {field[0]: getattr(ours, field[0]).offset * 8 for field in ours._fields_}
    assert (c.sizeof(ours), fields) == structs[name]


def test_every_shared_struct_is_known_here() -> None:
    in_maps = set(re.findall(r"^struct (\w+) \{", MAPS, re.MULTILINE))
    assert in_maps <= set(layout.STRUCTS)


def test_of_every_map_it_is_said_what_becomes_of_it_in_another_layout() -> None:
    object_ = Object(OBJECT)
    kept = {name for name in object_.map_names() if "." not in name} - OWN
    object_.close()
    assert kept == description.MAPS.keys() | description.FRESH
    assert not description.MAPS.keys() & description.FRESH


def test_a_value_is_records_one_behind_the_other(loaded: Loaded) -> None:
    described = program.describe(loaded)
    for name, place in described.maps.items():
        assert loaded.maps[name].value_size % described.records[place.record].size == 0
        if place.key:
            assert loaded.maps[name].key_size == described.records[place.key].size


def test_flow_states_have_the_same_numbers() -> None:
    enum = re.search(r"enum flow_state \{(.*?)\}", (BPF / "flow.h").read_text(), re.DOTALL)
    assert enum
    theirs = [name.lower().replace("_", "-") for name in re.findall(r"FLOW_(\w+),", enum[1])]
    assert theirs == [*layout.FLOW_STATES, "states"]
    assert set(layout.TIMEOUTS) == set(layout.FLOW_STATES)


def test_schedulers_have_the_same_numbers() -> None:
    text = MAPS
    theirs = {name.lower(): int(number) for name, number in re.findall(r"SCHEDULER_(\w+) = (\d+),", text)}
    assert theirs == {scheduler.value: number for scheduler, number in layout.SCHEDULERS.items()}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("LAYOUT_VERSION", layout.LAYOUT_VERSION),
        ("VIP_FILTER_BITS", layout.VIP_FILTER_BITS),
        ("VERSION_TRACKS_ALL", layout.VERSION_TRACKS_ALL),
        ("CONTENDER_BLOCK", layout.CONTENDER_BLOCK),
        ("CONTENDER_PLACE_BITS", layout.CONTENDER_PLACE_BITS),
        ("LOAD_ACTIVE_BITS", layout.LOAD_ACTIVE_BITS),
        ("REAL_HAS_MAC", layout.REAL_HAS_MAC),
        ("REAL_MOVES", layout.REAL_MOVES),
        ("HALF_BITS", layout.HALF_BITS),
        ("RANGES_MAX", layout.RANGES_MAX),
    ],
)
def test_a_constant_is_the_same_on_both_sides(word: str, value: int) -> None:
    found = re.search(rf"#define {word} (\d+)", MAPS)
    assert found
    assert int(found[1]) == value


def test_a_word_with_two_halves_is_put_together_and_taken_apart() -> None:
    word = layout.with_half(layout.with_half(0, 0, 5), 1, 0xFF_FFFF)
    assert [layout.half_of(word, half) for half in (0, 1)] == [5, 0xFF_FFFF]
    assert layout.half_of(layout.with_half(word, 0, 0), 1) == 0xFF_FFFF
    frontend = layout.Frontend(0xFFFF, (layout.Way(4095, 1), layout.Way(2, 4095)))
    assert layout.Frontend.of(frontend.word) == frontend
    assert frontend.with_way(1, layout.Way()).ways == (layout.Way(4095, 1), layout.Way())


def test_a_slot_is_put_together_and_taken_apart() -> None:
    word = layout.slot(5, 7, tracked=True)
    assert (layout.slot_now(word), layout.slot_before(word), bool(word & layout.SLOT_TRACKED)) == (5, 7, True)
    assert layout.slot(5) == 5


@pytest.mark.parametrize("flows", [(0, 0), (1, 0), (0, 1), (3, 257), (1 << 27, 0), (0, 1 << 27)])
def test_a_load_is_put_together_and_taken_apart(flows: tuple[int, int]) -> None:
    assert layout.flows_of(layout.load(*flows)) == flows
    assert layout.flow_count(layout.load(*flows)) == sum(flows)
    assert layout.load(*flows) == flows[0] * layout.load(1, 0) + flows[1] * layout.load(0, 1), "each is one addition"


@pytest.mark.parametrize("address", ["192.168.76.24", "2001:db8::24"])
def test_an_address_survives_its_label(address: str) -> None:
    given = ip_address(address)
    assert layout.unpacked(layout.packed(given), given.version) == given
