"""Attaching and taking over on a NIC of our own, and who else has a hand on it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from carom.dataplane.xdp import libbpf, program
from carom.dataplane.xdp.hold import Hold, detach
from carom.dataplane.xdp.pins import pin_maps, pinned_link
from carom.errors import BpfError, DataPlaneError
from tests.dataplane.frames import DIRECTOR


@pytest.fixture
def pins(tmp_path: Path) -> Iterator[Path]:
    """A folder for pins, on a BPF file system of its own."""
    subprocess.run(["mount", "-t", "bpf", "bpf", tmp_path], check=True)
    yield tmp_path / "carom"
    subprocess.run(["umount", tmp_path], check=True)


@pytest.fixture
def nic() -> Iterator[str]:
    subprocess.run(["ip", "link", "add", "chold0", "type", "veth", "peer", "name", "chold1"], check=True)
    yield "chold0"
    subprocess.run(["ip", "link", "del", "chold0"], check=True)


def load(pins: Path | None) -> program.Loaded:
    return program.load(DIRECTOR, pins, flow_buckets=64)


def put(loaded: program.Loaded, interface: str, pins: Path, inside: str | None = None) -> tuple[str, bool]:
    """As a daemon would that dies right afterwards."""
    hold = Hold(interface, pins, inside)
    try:
        return hold.put(loaded)
    finally:
        hold.close()


@pytest.fixture
def held(pins: Path, nic: str) -> Iterator[tuple[program.Loaded, Hold]]:
    """A daemon at work."""
    loaded, hold = load(pins), Hold(nic, pins)
    hold.put(loaded)
    assert hold.disturbance() == ""
    yield loaded, hold
    hold.close()
    loaded.close()
    detach(pins)


def test_it_attaches_natively_and_a_successor_takes_over(pins: Path, nic: str) -> None:
    first = load(pins)
    assert put(first, nic, pins) == ("native", False)
    first.close()
    second = load(pins)
    assert put(second, nic, pins) == ("native", True)
    second.close()
    assert detach(pins)[0] == "link"
    assert libbpf.xdp_mode(program.ifindex(nic)) == ""


def test_where_the_driver_cannot_it_attaches_generically(pins: Path) -> None:
    loaded = load(pins)
    assert put(loaded, "lo", pins) == ("generic", False)
    loaded.close()
    detach(pins)


def test_somebody_elses_program_is_left_alone(pins: Path, nic: str, tmp_path: Path) -> None:
    other, ours = load(pins / "other"), load(pins / "ours")
    put(other, nic, pins / "other")
    with pytest.raises(DataPlaneError, match=f"another XDP program is on {nic}"):
        put(ours, nic, pins / "ours")
    other.close()
    ours.close()
    detach(pins / "other")


def test_a_link_whose_nic_is_gone_is_replaced(pins: Path, nic: str) -> None:
    loaded = load(pins)
    put(loaded, nic, pins)
    subprocess.run(["ip", "link", "del", nic], check=True)
    subprocess.run(["ip", "link", "add", nic, "type", "veth", "peer", "name", "chold1"], check=True)
    assert put(loaded, nic, pins) == ("native", False)
    loaded.close()
    detach(pins)


@pytest.fixture
def inside() -> Iterator[str]:
    subprocess.run(["ip", "link", "add", "chold2", "type", "veth", "peer", "name", "chold3"], check=True)
    yield "chold2"
    subprocess.run(["ip", "link", "del", "chold2"], check=False, capture_output=True)


def load_for_two(pins: Path | None, inside: str) -> program.Loaded:
    return program.load(DIRECTOR, pins, flow_buckets=64, inside=program.nic(inside))


def test_on_two_nics_both_have_a_program_until_one_is_given_up(pins: Path, nic: str, inside: str) -> None:
    first = load_for_two(pins, inside)
    assert put(first, nic, pins, inside) == ("native", False)
    assert libbpf.xdp_mode(program.nic(inside).index) == "native"
    first.close()
    second = load_for_two(pins, inside)
    assert put(second, nic, pins, inside) == ("native", True)
    second.close()
    one_armed = load(pins)
    assert put(one_armed, nic, pins) == ("native", True)
    one_armed.close()
    assert libbpf.xdp_mode(program.nic(inside).index) == ""
    assert detach(pins)[0] == "link"


def test_where_the_inside_driver_cannot_both_are_generic(pins: Path, nic: str) -> None:
    loaded = load(pins)
    assert put(loaded, nic, pins) == ("native", False)
    loaded.close()
    two = load_for_two(pins, "lo")
    assert put(two, nic, pins, "lo") == ("generic", False)
    two.close()
    assert detach(pins)[:2] == ("link", "inside")
    assert libbpf.xdp_mode(program.nic("lo").index) == ""


def test_detaching_where_nothing_is_says_so(pins: Path) -> None:
    assert detach(pins) == ()


def test_detaching_leaves_a_folder_that_is_not_ours_to_remove(pins: Path, tmp_path: Path) -> None:
    pins.mkdir()
    shown = tmp_path / "shown"
    shown.mkdir()
    subprocess.run(["mount", "--bind", str(pins), str(shown)], check=True)
    try:
        load(shown).close()
        assert "flows4" in detach(shown)
        assert list(pins.iterdir()) == []
    finally:
        subprocess.run(["umount", str(shown)], check=True)


# ---- somebody else's hand ----


def test_a_program_that_was_taken_off_is_noticed_and_put_on_again(
    held: tuple[program.Loaded, Hold], nic: str, pins: Path
) -> None:
    loaded, hold = held
    theirs = pinned_link(pins / "link")
    assert theirs is not None
    theirs.detach()
    theirs.close()
    assert "was taken off chold0 by somebody else, so nothing is forwarded" in hold.disturbance()
    assert hold.put(loaded) == ("native", False)
    assert hold.disturbance() == ""
    assert libbpf.xdp_mode(program.ifindex(nic)) == "native"


def test_another_program_by_our_link_is_noticed(held: tuple[program.Loaded, Hold], pins: Path) -> None:
    loaded, hold = held
    theirs, link = load(None), pinned_link(pins / "link")
    assert link is not None
    link.replace_program(theirs.director)
    assert "the program on chold0 was replaced by somebody else" in hold.disturbance()
    assert hold.put(loaded) == ("native", True)
    assert hold.disturbance() == ""
    link.close()
    theirs.close()


def test_without_its_pins_it_goes_on_and_pins_itself_again(
    held: tuple[program.Loaded, Hold], nic: str, pins: Path
) -> None:
    loaded, hold = held
    detached = (*(pins / "maps").iterdir(), pins / "link")
    for pin in detached:
        pin.unlink()
    assert "pins in" in hold.disturbance()
    assert libbpf.xdp_mode(program.ifindex(nic)) == "native", "the hold itself keeps it there"
    pin_maps(pins / "maps", loaded.maps)
    assert hold.put(loaded) == ("native", True)
    assert hold.disturbance() == ""
    assert all(pin.exists() for pin in detached)


def test_a_single_map_that_was_replaced_is_noticed(held: tuple[program.Loaded, Hold], pins: Path) -> None:
    held[0].maps["reals"].pin(pins / "maps/another")
    assert held[1].disturbance() == "", "who pins something beside ours disturbs nobody"
    (pins / "maps/reals").rename(pins / "maps/limits")
    assert "pins in" in held[1].disturbance()


def test_a_nic_that_is_gone_is_no_disturbance(pins: Path) -> None:
    add = ["ip", "link", "add", "chold4", "type", "veth", "peer", "name", "chold5"]
    subprocess.run(add, check=True)
    loaded, hold = load(pins), Hold("chold4", pins)
    hold.put(loaded)
    subprocess.run(["ip", "link", "del", "chold4"], check=True)
    assert hold.disturbance() == ""
    subprocess.run(add, check=True)
    assert "was taken off chold4" in hold.disturbance(), "another NIC of the same name"
    assert hold.put(loaded) == ("native", False)
    hold.close()
    loaded.close()
    detach(pins)
    subprocess.run(["ip", "link", "del", "chold4"], check=True)


def test_what_is_no_link_is_named_and_can_be_taken_away(pins: Path, nic: str) -> None:
    loaded = load(pins)
    (pins / "maps/reals").rename(pins / "link")
    with pytest.raises(BpfError, match=r"/link is no link but a bpf.map, put there by somebody else: remove it"):
        put(loaded, nic, pins)
    loaded.close()
    assert "link" in detach(pins)
    assert not pins.exists()
