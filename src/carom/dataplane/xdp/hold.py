"""The hold: the programs on their NICs, by links that are pinned and outlive the daemon, and whether they still are.

    PINS/link            the attachment; as long as it is pinned, packets are forwarded
    PINS/inside          that on the inside NIC of a director with two

While a daemon lives it holds the links by descriptors as well, so packets go on even where somebody removes the pins.
"""

from __future__ import annotations

import errno
import shutil
import socket
from pathlib import Path

from carom.dataplane.xdp import libbpf
from carom.dataplane.xdp.libbpf import Link, Program
from carom.dataplane.xdp.pins import PROGRAM, names, pin, pinned_link
from carom.dataplane.xdp.program import INSIDE, Loaded, ifindex
from carom.errors import BpfError, DataPlaneError

_LINK = "link"
_UNSUITED = (errno.EOPNOTSUPP, errno.EINVAL, errno.ERANGE, errno.E2BIG)
"""What a driver answers when it cannot run XDP natively as things are."""


class Hold:
    """One director's hold on its NICs."""

    def __init__(self, interface: str, pins: Path, inside: str | None = None) -> None:
        self._nics = {_LINK: interface} | ({INSIDE: inside} if inside else {})
        self._pins = pins
        self._links: dict[str, tuple[Link, int]] = {}
        """By the names of their pins, each with the number of its program."""
        self._pinned: frozenset[tuple[str, int]] = frozenset()

    def put(self, loaded: Loaded) -> tuple[str, bool]:
        """Puts the programs on the NICs; their mode, `native` or `generic`, and whether a link was taken over.

        A driver that cannot run XDP natively cannot send natively what is redirected to it: then both are generic.
        """
        generic = False
        if loaded.folder:
            pin(loaded.director, loaded.folder / PROGRAM)
        if loaded.inside and INSIDE in self._nics:
            generic = self._put(INSIDE, loaded.inside)[0] == "generic"
        else:
            _take_away(self._pins / INSIDE)
        found = self._put(_LINK, loaded.director, generic=generic)
        self.note_pins()
        return found

    def note_pins(self) -> None:
        """What is pinned now is as it shall be."""
        self._pinned = names(self._pins)

    def _put(self, name: str, program: Program, *, generic: bool = False) -> tuple[str, bool]:
        """Puts one program on one NIC: by the link that is held or pinned, or by a new one."""
        index, path = ifindex(self._nics[name]), self._pins / name
        held, _ = self._links.pop(name, (None, 0))
        link, taken_over = held or pinned_link(path), True
        if link and (link.ifindex() != index or (generic and libbpf.xdp_mode(index) == "native")):
            link.detach()
            link.close()
            link = None
        if link:
            link.replace_program(program)
        else:
            link, taken_over = _new_link(program, self._nics[name], index, generic=generic), False
        self._links[name] = link, program.id()
        pin(link, path)
        return libbpf.xdp_mode(index), taken_over

    def disturbance(self) -> str:
        """What somebody else has done to it, as a clause; empty: nothing. A NIC that is gone is not told here."""
        for name, (link, program) in self._links.items():
            nic = self._nics[name]
            if (index := _index_of(nic)) and link.ifindex() != index:
                return f"the program was taken off {nic} by somebody else, so nothing is forwarded"
            if index and link.program_id() != program:
                return f"the program on {nic} was replaced by somebody else"
        if not self._pinned <= names(self._pins):
            return f"pins in {self._pins} were removed or replaced by somebody else: nothing outlives this daemon"
        return ""

    def close(self) -> None:
        """Lets go of the links; what is pinned stays."""
        for link, _ in self._links.values():
            link.close()
        self._links.clear()


def detach(pins: Path) -> tuple[str, ...]:
    """Takes links, maps and pins away; what was there, by name."""
    gone = [name for name in (_LINK, INSIDE) if _take_away(pins / name)]
    if pins.is_dir():
        gone += sorted(path.name for path in (pins / "maps").glob("*"))
        for path in pins.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        _remove(pins)
    return tuple(gone)


def _remove(folder: Path) -> None:
    """A folder that is a mount, or was made for a daemon that may not do so itself, stays, empty."""
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno not in (errno.EBUSY, errno.EACCES, errno.EPERM):
            raise


def _take_away(path: Path) -> bool:
    """Takes a pinned link off its NIC; whether there was anything."""
    try:
        link = pinned_link(path)
    except BpfError as error:
        if error.errno != errno.EBADF:
            raise
        path.unlink()  # no link at all: somebody else has put it there
        return True
    if link is None:
        return False
    link.detach()
    link.close()
    path.unlink()
    return True


def _new_link(program: Program, interface: str, index: int, *, generic: bool) -> Link:
    if generic:
        return program.attach_xdp(index, libbpf.XDP_FLAGS_SKB_MODE)
    try:
        return program.attach_xdp(index, libbpf.XDP_FLAGS_DRV_MODE)
    except BpfError as error:
        if error.errno == errno.EBUSY:
            raise DataPlaneError(
                f"another XDP program is on {interface}: ip link show {interface} names it; detach it first"
            ) from error
        if error.errno not in _UNSUITED:
            raise
    return program.attach_xdp(index, libbpf.XDP_FLAGS_SKB_MODE)


def _index_of(nic: str) -> int:
    """0: there is no such NIC."""
    try:
        return socket.if_nametoindex(nic)
    except OSError:
        return 0
