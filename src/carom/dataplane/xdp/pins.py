"""Pins: names in a BPF file system by which maps and links outlive the daemon.

A pinned map is replaced by renaming another over it, so that whoever looks finds the one or the other, never none.
"""

from __future__ import annotations

import ctypes as c
import errno
import os
import struct
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from carom.dataplane.xdp import libbpf
from carom.dataplane.xdp.libbpf import Link, Map, Program
from carom.errors import BpfError, DataPlaneError, UnsupportedError

MAPS, NEXT, LAST = FOLDERS = ("maps", "next", "last")
"""The folders of maps: those in use, and, while flows go to another layout, those that will be and those that were."""
PROGRAM = "director"
"""Beside the maps of each: the program that works on them."""
T = TypeVar("T")
BPF_FS_MAGIC = 0xCAFE4A11
_NEW = "_new"
"""Behind the name of what is about to replace another; bpffs allows no dot."""


def make_folder(folder: Path) -> Path:
    """Makes a folder for pins, and those above it. Raises UnsupportedError where that is on no BPF file system."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataPlaneError(f"cannot make {folder}: {error.strerror}; pins need a mounted bpffs") from error
    if not _is_bpffs(folder):
        raise UnsupportedError(f"{folder} is not on a BPF file system: mount -t bpf bpf {_mount_point(folder)}")
    return folder


def pinned_maps(folder: Path, names: Iterable[str]) -> dict[str, Map]:
    """Those of these maps that are pinned there."""
    found = {}
    for name in names:
        if (pinned := pinned_map(folder / name)) is not None:
            found[name] = pinned
    return found


def pinned_map(path: Path) -> Map | None:
    """The map that is pinned there; None where nothing is."""
    return _if_pinned(path, "map", Map)


def pin_maps(folder: Path, maps: Mapping[str, Map]) -> None:
    """Pins these by their names, each in place of what is pinned there."""
    for name, map_ in maps.items():
        pin(map_, folder / name)


def pin(what: Map | Link | Program, path: Path) -> None:
    """Pins it there, in place of what is pinned there."""
    aside = path.with_name(f"{path.name}{_NEW}")
    aside.unlink(missing_ok=True)  # of a daemon that was killed just here
    what.pin(aside)
    aside.rename(path)


def pinned_program(path: Path) -> Program | None:
    """The program that is pinned there; None where nothing is."""
    return _if_pinned(path, "prog", lambda fd: Program(fd, path.name))


def pinned_link(path: Path) -> Link | None:
    """The link that is pinned there; None where nothing is."""
    return _if_pinned(path, "link", Link)


def _if_pinned(path: Path, kind: str, make: Callable[[int], T]) -> T | None:
    try:
        return make(libbpf.open_pinned(path, kind))
    except BpfError as error:
        if error.errno == errno.ENOENT:
            return None
        raise


def names(pins: Path) -> frozenset[tuple[str, int]]:
    """What is pinned there, by name and inode: the same again as long as nobody removes or replaces any of it."""
    try:
        with os.scandir(pins) as links, os.scandir(pins / "maps") as maps:
            return frozenset((entry.path, entry.inode()) for entry in (*links, *maps))
    except OSError:
        return frozenset()


def _is_bpffs(folder: Path) -> bool:
    buffer = c.create_string_buffer(256)
    if c.CDLL(None, use_errno=True).statfs(os.fsencode(folder), buffer):
        return False
    return int(struct.unpack_from("@l", buffer)[0]) == BPF_FS_MAGIC


def _mount_point(folder: Path) -> Path:
    if folder.is_relative_to("/sys/fs/bpf"):
        return Path("/sys/fs/bpf")
    return folder.parent.parent if folder.name in FOLDERS else folder.parent
