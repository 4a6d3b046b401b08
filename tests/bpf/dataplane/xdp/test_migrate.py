"""From one layout to another and back: two builds take over from each other, and no flow, count or packet is lost.

The other build (`bench.otherbuild`) has wider flows with other bits and other records; each runs in a process of its
own. CAROM_KILLS=all kills it at every step.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hatch_build
from bench import otherbuild
from carom.dataplane.xdp.layout import LAYOUT_VERSION, key
from carom.dataplane.xdp.libbpf import XDP_TX, Program
from carom.dataplane.xdp.pins import FOLDERS, MAPS, NEXT, PROGRAM, pinned_link, pinned_map, pinned_program
from carom.dataplane.xdp.plane import XdpDataPlane
from carom.dataplane.xdp.program import layout_of
from carom.errors import DataPlaneError
from tests.bpf.dataplane.xdp import migrated
from tests.bpf.dataplane.xdp.bpffs import bpffs
from tests.dataplane.frames import DIRECTOR

NIC = "cmigr0"
EARLY = (("_carry_standing", 1), ("_carry_moving", 1), ("_ask_before", 1), ("_note", 1))
SWITCHED = (("finish", 1), ("_note", 2), ("_note", 3), ("_change_folders", 1), ("rename", 1))
LATE = (("rename", 2), ("rmtree", 1))
STEPS = EARLY + SWITCHED + LATE
SOME = (("_ask_before", 1), ("rename", 2))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build with another layout."""
    return otherbuild.with_another_layout(tmp_path_factory.mktemp("other") / "tree")


@pytest.fixture
def pins(tmp_path: Path) -> Iterator[Path]:
    mac = DIRECTOR.hex(":")
    subprocess.run(["ip", "link", "add", NIC, "address", mac, "type", "veth", "peer", "name", "cmigr1"], check=True)
    try:
        with bpffs(tmp_path) as pins:
            yield pins
            XdpDataPlane(NIC, pins).detach()
    finally:
        subprocess.run(["ip", "link", "del", NIC], check=True)


def run(build: Path, pins: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.bpf.dataplane.xdp.otherdaemon", NIC, str(pins), *arguments]
    environment = os.environ | {"PYTHONPATH": f"{build / 'src'}:{hatch_build.ROOT}"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def told(build: Path, pins: Path, *arguments: str) -> dict[str, Any]:
    """What a director of that build knows, after it has taken the pins over."""
    done = run(build, pins, *arguments)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def taken_over(pins: Path) -> tuple[XdpDataPlane, dict[str, Any]]:
    """The same in this process; the plane, to be closed."""
    plane = XdpDataPlane(NIC, pins, flow_buckets=migrated.BUCKETS)
    assert plane.attach().taken_over
    return plane, json.loads(json.dumps(migrated.known(plane)))


def test_all_that_is_known_goes_to_another_layout_and_back(other: Path, pins: Path) -> None:
    theirs = told(other, pins, "--plan")
    connected = theirs.pop("left")
    assert (len(theirs["flows"]), theirs["counted"]) == (100, migrated.census(theirs))
    assert layout_of(pins / MAPS) == otherbuild.OTHER_LAYOUT

    plane, ours = taken_over(pins)
    assert ours == theirs
    assert layout_of(pins / MAPS) == LAYOUT_VERSION
    assert sorted(path.name for path in pins.iterdir()) == ["link", MAPS], "nothing is left of the old ones"

    plane.apply(migrated.plan())
    assert json.loads(json.dumps(migrated.known(plane)))["flows"] == theirs["flows"]
    assert plane.disturbance() == ""
    for frame in migrated.frames(1, 30):
        plane._attached()[0].director.run(frame)
    ours = json.loads(json.dumps(migrated.known(plane)))
    assert (len(ours["flows"]), ours["counted"]) == (150, migrated.census(ours))
    assert persistent_reals(theirs).items() <= persistent_reals(ours).items(), "clients stay where they were"
    assert [mac.hex() for mac in destinations(pins, migrated.left("A")[:15])] == connected[:15], "without an entry"
    ours = json.loads(json.dumps(migrated.known(plane)))
    plane.close()

    back = told(other, pins)
    assert {**back, "left": None} == {**ours, "left": None}
    assert [mac.hex() for mac in destinations(pins, migrated.left("A"))] == connected


def persistent_reals(found: dict[str, Any]) -> dict[str, str]:
    return {name.split()[0]: real for name, (_, real, _, persistent) in found["flows"].items() if persistent}


@pytest.mark.parametrize(("function", "number"), STEPS if os.environ.get("CAROM_KILLS") == "all" else SOME)
def test_killed_amid_it_packets_find_their_flows_and_the_next_start_ends_it(
    other: Path, pins: Path, function: str, number: int
) -> None:
    theirs = told(other, pins, "--plan")
    before = destinations(pins, migrated.frames(1, 20, "A"))
    killed = run(hatch_build.ROOT, pins, "--killed", function, str(number))
    assert killed.returncode == -9, f"{function} was not called so often: {killed.stderr}"

    assert destinations(pins, migrated.frames(1, 20, "A")) == before, "by the program that is there now"
    begun = destinations(pins, migrated.frames(21, 10, "S"))
    assert destinations(pins, migrated.frames(21, 10, "A")) == begun

    plane, ours = taken_over(pins)
    assert {name: ours["flows"].get(name) for name in theirs["flows"]} == theirs["flows"]
    assert (len(ours["flows"]), ours["counted"]) == (150, migrated.census(ours))
    assert (layout_of(pins / MAPS), ours["stray"]) == (LAYOUT_VERSION, 0)
    assert sorted(path.name for path in pins.iterdir()) == ["link", MAPS]
    assert destinations(pins, migrated.frames(1, 20, "A")) == before
    assert destinations(pins, migrated.frames(21, 10, "A")) == begun
    plane.close()


def test_a_flow_that_only_the_old_table_has_is_found_there_until_it_is_copied(other: Path, pins: Path) -> None:
    told(other, pins, "--plan")
    old = pinned_program(pins / MAPS / PROGRAM)
    assert run(hatch_build.ROOT, pins, "--killed", "finish", "1").returncode == -9
    assert (pins / NEXT / PROGRAM).exists(), "the link has the new program"

    begun = destinations(pins, migrated.frames(21, 10, "S"), old)  # as if just before the link was switched
    assert destinations(pins, migrated.frames(21, 10, "A")) == begun
    later = destinations(pins, migrated.frames(31, 10, "S"))
    plane, ours = taken_over(pins)
    assert (len(ours["flows"]), ours["counted"]) == (200, migrated.census(ours))
    assert destinations(pins, migrated.frames(21, 10, "A")) == begun
    assert destinations(pins, migrated.frames(31, 10, "A")) == later
    assert ours["stray"] == 0
    plane.close()


def destinations(pins: Path, frames: list[bytes], program: Program | None = None) -> list[bytes]:
    """To which MAC each goes, by this program, or by the one that the link has."""
    program, found = program or attached(pins), []
    for frame in frames:
        verdict, sent, _ = program.run(frame)
        assert verdict == XDP_TX
        found.append(sent[:6])
    program.close()
    return found


def attached(pins: Path) -> Program:
    link = pinned_link(pins / "link")
    assert link is not None
    number = link.program_id()
    link.close()
    for folder in FOLDERS:
        program = pinned_program(pins / folder / PROGRAM)
        if program is not None and program.id() == number:
            return program
    raise AssertionError("the program of the link is pinned nowhere")


def test_a_build_that_cannot_read_the_description_refuses_and_changes_nothing(other: Path, pins: Path) -> None:
    theirs = told(other, pins, "--plan")
    description = pinned_map(pins / MAPS / "description")
    assert description is not None
    text = description.get(key(0)) or b""
    for broken, why in (
        (b"", "no description of a layout"),
        (text.replace(b'"seen"', b'"unseen"'), "does not say where a flow has its seen"),
        (text.replace(b'"wlc"', b'"best"'), "has the scheduler best, unknown here"),
    ):
        description.set(key(0), broken.ljust(description.value_size, b"\0")[: description.value_size])
        assert why in refusal(pins)
        assert not (pins / NEXT).exists()
    (pins / MAPS / "description").unlink()
    assert "they do not say how they are laid out" in refusal(pins)
    description.set(key(0), text)
    description.pin(pins / MAPS / "description")
    description.close()
    assert told(other, pins) == {**theirs, "left": []}


def refusal(pins: Path) -> str:
    """What a director of this build says that does not take them over."""
    plane = XdpDataPlane(NIC, pins, flow_buckets=migrated.BUCKETS)
    with pytest.raises(
        DataPlaneError, match=r"layout 999, this program's is \d+.*run caromd --detach first"
    ) as refused:
        plane.attach()
    plane.close()
    return str(refused.value)
