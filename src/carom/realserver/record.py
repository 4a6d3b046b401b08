"""The record: what join found and what it did, so that leave can undo exactly that.

One JSON file, replaced as a whole. A namespace that is not the system's own has a record of its own under /run, where
it vanishes with the namespaces themselves at the next boot.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Any

from carom.errors import RealServerError
from carom.model import Address, Ports, Protocol
from carom.realserver.persist.common import Item
from carom.realserver.steps import KINDS, Step

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Joined:
    """One VIP that this host serves, and how."""

    vip: Address
    method: str
    interface: str
    ports: tuple[Ports, ...] = ()
    tool: str = ""
    rip: IPv4Address | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One step that some VIPs need."""

    step: Step
    before: str
    """What the step read before it was done; handed to its `undo`."""
    ours: bool
    """False: it was so already, and is not ours to undo."""
    vips: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """Everything known of this host's real-server side."""

    joined: tuple[Joined, ...] = ()
    entries: tuple[Entry, ...] = ()
    """In the order in which they were done."""
    means: str = ""
    """Which means keeps it over a reboot; empty: none does."""
    items: tuple[Item, ...] = ()
    """The boot files, as written."""
    folders: tuple[str, ...] = ()
    """Folders made for them, the outermost first."""

    @property
    def vips(self) -> tuple[Address, ...]:
        return tuple(each.vip for each in self.joined)

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(entry.step for entry in self.entries)

    def entry(self, step: Step) -> Entry | None:
        return next((entry for entry in self.entries if entry.step == step), None)

    def with_entry(self, entry: Entry) -> Record:
        """The record with the entry in its step's place, or at the end where the step is new."""
        if self.entry(entry.step) is None:
            return replace(self, entries=(*self.entries, entry))
        return replace(self, entries=tuple(entry if each.step == entry.step else each for each in self.entries))

    def without(self, step: Step) -> Record:
        return replace(self, entries=tuple(each for each in self.entries if each.step != step))


class Store:
    """Where one namespace's record lies."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One join or leave at a time; the lock is on the folder, so that no lock file stays behind."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def read(self) -> Record:
        """Raises RealServerError where the file is no record."""
        try:
            return from_json(json.loads(self.path.read_text()))
        except FileNotFoundError:
            return Record()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RealServerError(
                f"the record {self.path} cannot be read ({error}), and without it nothing can be undone safely: "
                "bring it back from a backup, or move it away and look after the host by hand"
            ) from None

    def write(self, record: Record) -> None:
        """Replace it as a whole; an empty record is no file."""
        if record == Record():
            self.path.unlink(missing_ok=True)
            return
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            with draft.open("w") as file:
                json.dump(to_json(record), file, indent=2)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise RealServerError(f"cannot write the record {self.path}: {error.strerror}") from None


def to_json(record: Record) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "joined": [_plain(each) for each in record.joined],
        "entries": [
            {
                "step": {"kind": each.step.kind, **_plain(each.step)},
                "before": each.before,
                "ours": each.ours,
                "vips": [str(vip) for vip in each.vips],
            }
            for each in record.entries
        ],
        "means": record.means,
        "items": [_plain(each) for each in record.items],
        "folders": list(record.folders),
    }


def from_json(document: dict[str, Any]) -> Record:
    """Raises ValueError, KeyError or TypeError where the document is no record."""
    if document["format"] != FORMAT:
        raise ValueError(f"it has format {document['format']}, and this Carom reads {FORMAT}")
    return Record(
        joined=tuple(_joined(each) for each in document["joined"]),
        entries=tuple(
            Entry(_step(each["step"]), each["before"], each["ours"], tuple(map(ip_address, each["vips"])))
            for each in document["entries"]
        ),
        means=document["means"],
        items=tuple(Item(**each) for each in document["items"]),
        folders=tuple(document["folders"]),
    )


def _plain(value: Any) -> dict[str, Any]:
    """A dataclass as JSON has it: what JSON does not know becomes its text."""
    return {each.name: _value(getattr(value, each.name)) for each in fields(value)}


def _value(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_value(each) for each in value]
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _joined(document: dict[str, Any]) -> Joined:
    known = {
        **document,
        "vip": ip_address(document["vip"]),
        "ports": tuple(map(ports, document["ports"])),
        "rip": IPv4Address(document["rip"]) if document["rip"] else None,
    }
    return Joined(**known)


def _step(document: dict[str, Any]) -> Step:
    known = {name: _tuples(value) for name, value in document.items() if name != "kind"}
    if "address" in known:
        known["address"] = ip_address(known["address"])
    return KINDS[document["kind"]](**known)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(each) for each in value) if isinstance(value, list) else value


def ports(text: str) -> Ports:
    """`tcp/80`, `udp/1000-2000`, `tcp/*`, or `80` for TCP. Raises ValueError."""
    protocol, slash, span = text.rpartition("/")
    first, dash, last = ("0", "-", "65535") if span == "*" else span.partition("-")
    found = Ports(Protocol(protocol if slash else "tcp"), int(first), int(last if dash else first))
    lowest = 0 if span == "*" else 1
    if not lowest <= found.first <= found.last <= 65535:
        raise ValueError(f"{span} is no port or range of ports between 1 and 65535")
    return found
