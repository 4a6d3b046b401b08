"""Pins: made where they can be, found again, and replaced without a moment in which there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from carom.dataplane.xdp.layout import key
from carom.dataplane.xdp.pins import make_folder, pin_maps, pinned_map, pinned_maps
from carom.dataplane.xdp.program import Loaded
from carom.errors import DataPlaneError, UnsupportedError
from tests.bpf.dataplane.xdp.bpffs import bpffs


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with bpffs(tmp_path) as pins:
        yield make_folder(pins / "maps")


def test_they_need_a_bpf_file_system(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="not on a BPF file system: mount -t bpf"):
        make_folder(tmp_path / "carom" / "maps")


def test_a_folder_that_cannot_be_made_is_named() -> None:
    with pytest.raises(DataPlaneError, match=r"cannot make /proc/carom/maps"):
        make_folder(Path("/proc/carom/maps"))


def test_what_is_pinned_is_found_by_its_name(folder: Path, loaded: Loaded) -> None:
    assert pinned_map(folder / "settings") is None
    pin_maps(folder, {"settings": loaded.maps["settings"]})
    found = pinned_maps(folder, ("settings", "reals"))
    assert list(found) == ["settings"]
    assert found["settings"].get(key(0)) == loaded.maps["settings"].get(key(0))
    found["settings"].close()


def test_another_map_takes_its_name(folder: Path, loaded: Loaded) -> None:
    pin_maps(folder, {"one": loaded.maps["reals"]})
    loaded.maps["limits"].pin(folder / "one_new")  # of a daemon that was killed before it could rename it
    pin_maps(folder, {"one": loaded.maps["loads"]})
    found = pinned_map(folder / "one")
    assert found is not None
    assert found.name == "loads"
    assert [path.name for path in folder.iterdir()] == ["one"]
    found.close()
