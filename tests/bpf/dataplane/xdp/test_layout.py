"""Both sides of the contract: `bpf/maps.h`, by the object's BTF, against `layout`."""

from __future__ import annotations

import ctypes as c
import json
import re
import subprocess
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from carom.dataplane.xdp import layout
from carom.dataplane.xdp.program import OBJECT

BPF = Path(__file__).parents[4] / "bpf"


@pytest.fixture(scope="module")
def types() -> dict[int, dict[str, Any]]:
    """The object's BTF, by type id."""
    done = subprocess.run(["bpftool", "-j", "btf", "dump", "file", OBJECT], capture_output=True, check=True)
    return {kind["id"]: kind for kind in json.loads(done.stdout)["types"]}


def struct_of(types: dict[int, dict[str, Any]], name: str) -> dict[str, Any]:
    return next(kind for kind in types.values() if kind["kind"] == "STRUCT" and kind["name"] == name)


@pytest.mark.parametrize("name", layout.STRUCTS)
def test_a_struct_is_the_same_on_both_sides(types: dict[int, dict[str, Any]], name: str) -> None:
    ours, theirs = layout.STRUCTS[name], struct_of(types, name)
    fields = {field[0]: getattr(ours, field[0]).offset * 8 for field in ours._fields_}
    assert fields == {member["name"]: member["bits_offset"] for member in theirs["members"]}
    assert c.sizeof(ours) == theirs["size"]


def test_every_shared_struct_is_known_here(types: dict[int, dict[str, Any]]) -> None:
    in_maps = set(re.findall(r"^struct (\w+) \{", (BPF / "maps.h").read_text(), re.MULTILINE))
    assert in_maps <= set(layout.STRUCTS)


def test_flow_states_have_the_same_numbers() -> None:
    enum = re.search(r"enum flow_state \{(.*?)\}", (BPF / "flow.h").read_text(), re.DOTALL)
    assert enum
    theirs = [name.lower().replace("_", "-") for name in re.findall(r"FLOW_(\w+),", enum[1])]
    assert theirs == [*layout.FLOW_STATES, "states"]
    assert set(layout.TIMEOUTS) == set(layout.FLOW_STATES)


def test_schedulers_have_the_same_numbers() -> None:
    text = (BPF / "maps.h").read_text()
    theirs = {name.lower(): int(number) for name, number in re.findall(r"SCHEDULER_(\w+) = (\d+),", text)}
    assert theirs == {scheduler.value: number for scheduler, number in layout.SCHEDULERS.items()}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("LAYOUT_VERSION", layout.LAYOUT_VERSION),
        ("VIP_FILTER_WORDS", layout.VIP_FILTER_WORDS),
        ("VERSION_TRACKS_ALL", layout.VERSION_TRACKS_ALL),
        ("REAL_HAS_MAC", layout.REAL_HAS_MAC),
        ("REAL_MOVES", layout.REAL_MOVES),
    ],
)
def test_a_constant_is_the_same_on_both_sides(word: str, value: int) -> None:
    found = re.search(rf"#define {word} (\d+)", (BPF / "maps.h").read_text())
    assert found
    assert int(found[1]) == value


def test_a_slot_is_put_together_and_taken_apart() -> None:
    word = layout.slot(5, 7, tracked=True)
    assert (layout.slot_now(word), layout.slot_before(word), bool(word & layout.SLOT_TRACKED)) == (5, 7, True)
    assert layout.slot(5) == 5


@pytest.mark.parametrize("address", ["192.168.76.24", "2001:db8::24"])
def test_an_address_survives_its_label(address: str) -> None:
    given = ip_address(address)
    assert layout.unpacked(layout.packed(given), given.version) == given
