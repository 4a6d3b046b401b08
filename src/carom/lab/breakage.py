"""What is broken in a lab: faults made and taken back, each node's own list of them kept beside the lab's files.

    /run/carom/lab/NAME/faults/NODE.json    the node's faults, oldest first, each with the changes that undo it
                       …/faults/.lock       held while one is made or taken back

A change's inverse is written down before the change is made, so whoever is killed in between leaves nothing that
`heal` cannot undo.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from carom.errors import LabError
from carom.lab import changes, faults, namespaces, signals
from carom.lab.changes import Change, Running
from carom.lab.commands import run
from carom.lab.network import NODES, Role, Wire
from carom.lab.standing import Lab

Entry = dict[str, Any]
"""One fault: its name, and `undo`, the changes that take it back, oldest first."""


def inflict(lab: Lab, node: str, name: str) -> None:
    """Break the node with a fault. Raises LabError, the node as it was before."""
    fault = faults.find(name, NODES[node])
    with _locked(lab) as folder:
        entries = _read(folder, node)
        if any(entry["name"] == name for entry in entries):
            raise LabError(
                f"{node} is broken with `{name}` already; `carom lab heal --name {lab.name} {node}` mends it"
            )
        entry: Entry = {"name": name, "undo": []}
        try:
            for change in fault.changes(lab, NODES[node]):
                entry["undo"].append(changes.to_json(change.inverse(lab)))
                _write(folder, node, [*entries, entry])
                change.make(lab)
        except BaseException:
            with signals.held_back():
                _undo(lab, [entry])
                _write(folder, node, entries)
            raise


def heal(lab: Lab, node: str) -> tuple[str, ...]:
    """Take all of the node's faults back, newest first; their names. Raises LabError with whatever cannot be undone."""
    with _locked(lab) as folder, signals.held_back():
        entries = _read(folder, node)
        refused = _undo(lab, entries)
        _write(folder, node, [])
        _forget_who_had_the_vips(lab)
    if refused:
        raise LabError(f"{node} is not quite as it was: {'; '.join(refused)}")
    return tuple(entry["name"] for entry in entries)


def standing(lab: Lab) -> dict[str, tuple[str, ...]]:
    """The faults of every broken node, oldest first."""
    found = {node: tuple(entry["name"] for entry in _read(_folder(lab), node)) for node in NODES}
    return {node: names for node, names in found.items() if names}


def _undo(lab: Lab, entries: list[Entry]) -> list[str]:
    """Undo these faults as far as it goes, newest first; what was refused. Programs start last, as they first ran."""
    starts: dict[tuple[str, str], Change] = {}
    others: list[Change] = []
    for document in (document for entry in reversed(entries) for document in reversed(entry["undo"])):
        change = changes.from_json(document)
        if isinstance(change, Running) and change.arguments:
            starts[change.where, change.module] = change
        else:
            others.append(change)
    return [words for change in (*others, *starts.values()) if (words := _refusal(lab, change))]


def _refusal(lab: Lab, change: Change) -> str:
    """Make the change; why it could not be made, else nothing."""
    try:
        change.make(lab)
    except LabError as error:
        return str(error)
    return ""


def _forget_who_had_the_vips(lab: Lab) -> None:
    """Let all that route onto the segment ask again, who may have been taken in by a false answer."""
    for node in NODES.values():
        if node.role in (Role.ROUTER, Role.GATEWAY):
            for vip in lab.record.vips:
                flush = ("ip", "neigh", "flush", "to", vip, "dev", node.nic(Wire.SEGMENT).name)
                namespaces.inside(lab.namespace(node.name), partial(run, *flush))


def _folder(lab: Lab) -> Path:
    return lab.directory / "faults"


@contextmanager
def _locked(lab: Lab) -> Iterator[Path]:
    folder = _folder(lab)
    folder.mkdir(exist_ok=True)
    with (folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def _read(folder: Path, node: str) -> list[Entry]:
    try:
        entries: list[Entry] = json.loads((folder / f"{node}.json").read_text())
    except FileNotFoundError:
        return []
    return entries


def _write(folder: Path, node: str, entries: list[Entry]) -> None:
    path = folder / f"{node}.json"
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(entries, indent=2) + "\n")
    fresh.replace(path)
