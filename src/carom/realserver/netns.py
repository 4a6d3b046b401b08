"""Enters the network namespace in which the service lives: a container's, a pod's, a named one.

Only the network is entered. Programs, files and `/proc` stay the host's, so a container needs nothing installed in
it. os.setns is there from Python 3.12 on; setns(2) itself is called for 3.11.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from carom.errors import RealServerError, WishError

_CLONE_NEWNET = 0x40000000
_NAMED = Path("/run/netns")


def path_of(name: str) -> Path:
    """The namespace's file, for a name as `ip netns` knows it or for a process id. Raises WishError."""
    found = Path(f"/proc/{name}/ns/net") if name.isdecimal() else _NAMED / name
    if "/" in name or not found.exists():
        kind = "process" if name.isdecimal() else "network namespace"
        raise WishError(f"there is no {kind} {name}; `ip netns list` shows the names, and a process id works too")
    return found


def enter(name: str) -> None:
    """Move the calling thread into it, for good. Raises RealServerError."""
    with path_of(name).open("rb") as namespace:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
            reason = os.strerror(ctypes.get_errno())
            raise RealServerError(f"cannot enter the network namespace of {name}: {reason}")


def identity() -> int:
    """The namespace of the calling thread, by its inode: the same number is the same namespace."""
    return Path("/proc/thread-self/ns/net").stat().st_ino


def is_systems() -> bool:
    """Whether the calling thread is in the namespace that the system itself started in.

    Where process 1 may not be looked at, a namespace that has a name is none of the system's.
    """
    try:
        return identity() == Path("/proc/1/ns/net").stat().st_ino
    except OSError:
        return identity() not in {path.stat().st_ino for path in _NAMED.glob("*")}
