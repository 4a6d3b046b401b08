"""When the BPF object is compiled anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import hatch_build

YESTERDAY, TODAY = 1_000_000_000, 1_000_086_400


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An object made today, of sources that are all from yesterday."""
    (tmp_path / "bpf").mkdir()
    for name in ("director.bpf.c", "maps.h", "director.bpf.o", "recipe.py"):
        folder = tmp_path / "bpf" if name.endswith((".c", ".h")) else tmp_path
        (folder / name).touch()
        os.utime(folder / name, (YESTERDAY, YESTERDAY))
    os.utime(tmp_path / "director.bpf.o", (TODAY, TODAY))
    monkeypatch.setattr(hatch_build, "SOURCES", tmp_path / "bpf")
    monkeypatch.setattr(hatch_build, "__file__", str(tmp_path / "recipe.py"))
    return tmp_path / "director.bpf.o"


def test_an_object_newer_than_its_sources_is_kept(made: Path) -> None:
    assert hatch_build.is_current(made)


@pytest.mark.parametrize("source", ["bpf/director.bpf.c", "bpf/maps.h", "recipe.py"])
def test_an_object_older_than_any_source_is_not(made: Path, source: str) -> None:
    os.utime(made.parent / source, (TODAY + 1, TODAY + 1))
    assert not hatch_build.is_current(made)


def test_an_object_that_is_not_there_is_not(made: Path) -> None:
    made.unlink()
    assert not hatch_build.is_current(made)
