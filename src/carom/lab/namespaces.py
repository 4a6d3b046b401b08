"""Network namespaces: make them, act inside them, find what runs in them, remove them.

They are named ones, in `/run/netns`, so that `ip netns`, `nsenter --net` and every other tool reach them too.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from carom.errors import LabError
from carom.lab.commands import run

DIRECTORY = Path("/run/netns")
_CLONE_NEWNET = 0x40000000
"""setns(2): the descriptor must be a network namespace."""
_libc = ctypes.CDLL(None, use_errno=True)

T = TypeVar("T")


def create(names: Iterable[str]) -> None:
    """Make namespaces of these names. Raises LabError, some of them perhaps made."""
    run("ip", "-batch", "-", stdin="".join(f"netns add {name}\n" for name in names))


def delete(names: Iterable[str]) -> None:
    """Remove those of these names that exist; their devices go with them."""
    standing = [name for name in names if (DIRECTORY / name).exists()]
    run("ip", "-force", "-batch", "-", stdin="".join(f"netns del {name}\n" for name in standing))


def enter(name: str) -> None:
    """Move the calling thread into the namespace; setns(2). Raises LabError. Python 3.11 has no os.setns."""
    try:
        with (DIRECTORY / name).open("rb") as namespace:
            if _libc.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
                reason = os.strerror(ctypes.get_errno())
                raise LabError(f"cannot join the network namespace {name}: {reason}")
    except FileNotFoundError:
        raise LabError(f"there is no network namespace {name}: the lab it belonged to is gone") from None


def inside(name: str, function: Callable[[], T]) -> T:
    """Call it in a thread that has entered the namespace, and return or raise what it does.

    A socket belongs for ever to the namespace it was made in, and a process to that of the thread that started it:
    both can be made here and used anywhere. `/proc/sys/net` follows the calling thread; `/sys` does not.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def body() -> None:
        try:
            enter(name)
            results.append(function())
        except BaseException as error:  # noqa: BLE001 - carried over to the calling thread, whatever it is
            errors.append(error)

    thread = threading.Thread(target=body, name=f"in {name}", daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def spawn(name: str, command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a process in the namespace; what it prints goes to `log`.

    It has a session of its own: a Ctrl-C meant for its starter does not reach it.
    """

    def start() -> subprocess.Popen[bytes]:
        with log.open("wb") as output:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )

    return inside(name, start)


def processes(names: Iterable[str]) -> dict[int, str]:
    """Every process that runs in one of these namespaces: its id and the namespace's name."""
    inodes = {(DIRECTORY / name).stat().st_ino: name for name in names if (DIRECTORY / name).exists()}
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (inode := _namespace_of(entry)) in inodes:
            found[int(entry.name)] = inodes[inode]
    return found


def _namespace_of(process: Path) -> int:
    """The inode of a process's network namespace; 0 if it has just ended."""
    try:
        return (process / "ns" / "net").stat().st_ino
    except OSError:
        return 0
