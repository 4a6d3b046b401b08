"""Loading, and taking maps over."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from carom.dataplane.xdp import counters, hold, libbpf, program
from carom.dataplane.xdp.labels import RealLabels
from carom.dataplane.xdp.layout import (
    ALL_FEATURES,
    FEATURE_ANY_ORDER,
    FEATURE_CHECKSUM,
    FEATURE_HANDOVER,
    LAYOUT_VERSION,
    Clock,
    Settings,
    key,
)
from carom.dataplane.xdp.tables import Tables
from carom.errors import DataPlaneError, UnsupportedError
from carom.lab.wait import until
from tests.dataplane import plans
from tests.dataplane.frames import DIRECTOR, tcp


@pytest.fixture
def pins(tmp_path: Path) -> Iterator[Path]:
    """A folder for pins, on a BPF file system of its own."""
    subprocess.run(["mount", "-t", "bpf", "bpf", tmp_path], check=True)
    yield tmp_path / "carom"
    subprocess.run(["umount", tmp_path], check=True)


def load(pins: Path | None) -> program.Loaded:
    return program.load(DIRECTOR, pins, flow_buckets=64)


def test_reasons_come_from_the_object_itself() -> None:
    loaded = load(None)
    forwarded = loaded.reasons[0]
    assert (forwarded.name, forwarded.verdict, forwarded.normal) == ("forwarded", libbpf.XDP_REDIRECT, True)
    assert all(reason.sentence.endswith(".") for reason in loaded.reasons), "none was cut off"
    loaded.close()


def test_a_second_load_takes_the_maps_over(pins: Path) -> None:
    first = load(pins)
    first.maps["settings"].set(key(0), bytes(Settings(layout=LAYOUT_VERSION, seed=42)))
    first.close()
    second = load(pins)
    assert Settings.from_buffer_copy(second.maps["settings"].get(key(0)) or b"").seed == 42
    second.close()


def test_maps_of_another_layout_are_refused(pins: Path) -> None:
    first = load(pins)
    first.maps["settings"].set(key(0), bytes(Settings(layout=99, seed=1)))
    first.close()
    with pytest.raises(DataPlaneError, match=r"layout 99, this program's is \d+: run caromd --detach"):
        load(pins)


def test_what_is_no_map_of_ours_is_refused_by_name(pins: Path) -> None:
    load(pins).close()
    maps = pins / "maps"
    (maps / "services").rename(maps / "aside")
    (maps / "cursors").rename(maps / "services")
    with pytest.raises(DataPlaneError, match=r'the map services is another \(map "cursors"\).*run caromd --detach'):
        load(pins)
    (maps / "settings").rename(maps / "services")
    (maps / "aside").rename(maps / "settings")
    with pytest.raises(DataPlaneError, match=r'is another \(map "se\w+"\).*run caromd --detach'):
        load(pins)
    assert "settings" in hold.detach(pins)


def test_pins_need_a_bpf_file_system(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="not on a BPF file system: mount -t bpf"):
        load(tmp_path / "carom")


def test_a_missing_object_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match=r"nowhere\.o is missing: build it"):
        program.load(DIRECTOR, path=tmp_path / "nowhere.o")


def test_buckets_are_a_power_of_two() -> None:
    with pytest.raises(DataPlaneError, match="power of two from 64 to 16777216, not 100"):
        program.load(DIRECTOR, flow_buckets=100)


@pytest.fixture
def inside() -> Iterator[str]:
    subprocess.run(["ip", "link", "add", "cprog2", "type", "veth", "peer", "name", "cprog3"], check=True)
    yield "cprog2"
    subprocess.run(["ip", "link", "del", "cprog2"], check=False, capture_output=True)


def load_for_two(pins: Path | None, inside: str) -> program.Loaded:
    return program.load(DIRECTOR, pins, flow_buckets=64, inside=program.nic(inside))


def test_an_inside_nic_that_is_gone_is_a_reason_of_its_own(inside: str) -> None:
    loaded = load_for_two(None, inside)
    Tables(loaded.maps, time.monotonic).apply(plans.plan())
    syn = tcp("10.0.0.1:1025", f"{plans.VIP}:80", "S")
    assert loaded.director.run(syn)[0] == libbpf.XDP_REDIRECT
    subprocess.run(["ip", "link", "del", inside], check=True)
    assert loaded.director.run(syn)[0] == libbpf.XDP_DROP
    reading = counters.read(loaded, RealLabels(loaded.maps["real_labels"]))
    ends = {reason.name: reason.counter.packets for reason in reading.reasons}
    assert (ends["forwarded"], ends["no_inside"]) == (1, 1)
    loaded.close()


def test_the_clock_tells_the_time_by_itself() -> None:
    loaded = load(None)
    program.start_clock(loaded)
    program.start_clock(loaded)  # a successor starts it again
    assert until(lambda: second(loaded) > 0, seconds=5)
    loaded.maps["clock"].set(key(0), bytes(16))
    assert until(lambda: second(loaded) > 0, seconds=5)
    loaded.close()


def second(loaded: program.Loaded) -> int:
    return int(Clock.from_buffer_copy(loaded.maps["clock"].get(key(0)) or b"").seconds)


def test_a_nic_that_is_not_there_is_named() -> None:
    with pytest.raises(DataPlaneError, match="MAC of nonsense0"):
        program.mac_of("nonsense0")
    with pytest.raises(DataPlaneError, match="no interface nonsense0"):
        program.ifindex("nonsense0")


def test_the_verifier_takes_the_program_with_each_feature_alone_and_left_out() -> None:
    """Each plan has a program of its own: what one feature leaves out may be what kept the stack within bounds."""
    every = ALL_FEATURES | FEATURE_CHECKSUM | FEATURE_HANDOVER | FEATURE_ANY_ORDER
    for feature in (1 << bit for bit in range(32) if every >> bit & 1):
        program.load(DIRECTOR, flow_buckets=64, features=feature).close()
        program.load(DIRECTOR, flow_buckets=64, features=every & ~feature).close()
