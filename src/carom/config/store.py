"""The store: every configuration that was ever carried out, which of them runs, and what is remembered beside it.

    /var/lib/carom/versions/000012.toml   a configuration as it was written, under one line that says who made it run
                  /state.json             which version runs, whether it awaits confirmation, what operators have set
                  /memory.json            what the next daemon needs to know of the real servers' health

A file is written beside its place, synced, and renamed into it; then the folder is synced. So whoever is killed at any
point, or loses power, leaves the old file or the new one. `state.json` is written last: it is what makes a version run.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from carom.errors import ChangeError, StoreError

KEPT = 100
"""Versions that are kept; older ones are forgotten."""
LONGEST = 300
"""Characters of `what` that are kept."""
HEAD = "# carom: "
FILE_MODE, FOLDER_MODE = 0o640, 0o750
"""A configuration may hold a database's password."""
_NAME = re.compile(r"(\d{6,})\.toml")


@dataclass(frozen=True, slots=True)
class Version:
    """One configuration that was carried out; its text is asked for by its number."""

    number: int
    when: float
    """Seconds since 1970."""
    who: str
    what: str
    """What it changed, or why it was made."""


@dataclass(frozen=True, slots=True)
class Pending:
    """The running version undoes itself unless somebody confirms it."""

    before: int
    """The version to go back to."""
    deadline: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Said:
    """What an operator has set by hand, as `carom.events.Override` with the time of day."""

    service: str
    real: str
    weight: int
    by: str
    since: float
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What the director does, and why."""

    running: int
    file: str = ""
    """Digest of the configuration file as it was when this version began to run."""
    pending: Pending | None = None
    said: tuple[Said, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """What stands in the store."""

    state: State | None = None
    """None: nothing ever ran, or what ran is not known any more."""
    memory: dict[str, Any] = field(default_factory=dict)


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


class Store:
    """The store in one folder. All methods block, and raise StoreError; one caller at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._versions = folder, folder / "versions"

    def __str__(self) -> str:
        return str(self._folder)

    # ---- versions ----

    def add(self, text: str, who: str, what: str, when: float) -> Version:
        """Write a new version down. It does not run before a state says so."""
        numbers = self._numbers()
        version = Version(max(numbers, default=0) + 1, when, who, _shortened(what))
        self._write(self._path(version.number), f"{HEAD}{json.dumps(asdict(version))}\n{text}")
        return version

    def drop(self, number: int) -> None:
        """Forget a version that never ran."""
        with self._blamed("removed"):
            self._path(number).unlink(missing_ok=True)

    def text(self, number: int) -> str:
        """A version's configuration, exactly as it was written. Raises ChangeError if there is none."""
        return self._read(number)[1]

    def version(self, number: int) -> Version:
        head = self._read(number)[0].removeprefix(HEAD)
        try:
            return Version(**json.loads(head))
        except (ValueError, TypeError):
            raise StoreError(f"{self._path(number)} does not begin with a line of carom's") from None

    def versions(self) -> Iterator[Version]:
        """Every version that is kept and can be read, the newest first."""
        for number in sorted(self._numbers(), reverse=True):
            try:
                yield self.version(number)
            except StoreError:
                continue  # one spoiled file shall not hide the others

    def _read(self, number: int) -> tuple[str, str]:
        with self._blamed("read"):
            try:
                head, _, text = self._path(number).read_bytes().decode().partition("\n")
            except FileNotFoundError:
                raise ChangeError(f"there is no version {number}: carom history lists those there are") from None
        return head, text

    def _numbers(self) -> list[int]:
        with self._blamed("read"):
            if not self._versions.exists():
                return []
            names = (_NAME.fullmatch(path.name) for path in self._versions.iterdir())
            return [int(name[1]) for name in names if name]

    def _path(self, number: int) -> Path:
        return self._versions / f"{number:06}.toml"

    # ---- what runs ----

    def commit(self, state: State) -> None:
        """From now on this is what the director does, also after a restart; versions that are too old go."""
        self._write(self._folder / "state.json", json.dumps(asdict(state), indent=2) + "\n")
        needed = {state.running, state.pending.before if state.pending else state.running}
        with suppress(StoreError):  # it is committed; what cannot be removed now is the next time
            for number in sorted(self._numbers(), reverse=True)[KEPT:]:
                if number not in needed:
                    self.drop(number)

    def state(self) -> State | None:
        """What the director did; None if nothing ever ran."""
        found = self._json("state.json")
        if found is None:
            return None
        try:
            pending = Pending(**found.pop("pending")) if found.get("pending") else None
            said = tuple(Said(**one) for one in found.pop("said", ()))
            return State(**{**found, "pending": pending, "said": said})
        except (TypeError, ValueError, AttributeError):
            raise StoreError(f"{self._folder / 'state.json'} is not a state of this carom's: remove it") from None

    # ---- what is remembered ----

    def remember(self, memory: dict[str, Any]) -> None:
        """Keep this for the next daemon. Not synced: after a power cut nothing is as it was."""
        self._write(self._folder / "memory.json", _in_pieces(memory), sync=False)

    def memory(self) -> dict[str, Any]:
        """What the daemon before remembered; empty if nothing can be read."""
        try:
            return self._json("memory.json") or {}
        except StoreError:
            return {}

    def _json(self, name: str) -> dict[str, Any] | None:
        with self._blamed("read"):
            try:
                found = json.loads((self._folder / name).read_bytes())
            except FileNotFoundError:
                return None
            except ValueError:
                found = None
        if not isinstance(found, dict):
            raise StoreError(f"{self._folder / name} is spoiled: remove it")
        return found

    # ---- files ----

    def _write(self, path: Path, text: str, *, sync: bool = True) -> None:
        aside = path.with_name(f".{path.name}.new")
        with self._blamed("written"):
            self._folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            path.parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
            try:
                _write_through(aside, text, sync=sync)
                aside.rename(path)
            except OSError:
                with suppress(OSError):
                    aside.unlink()  # half a file would take the room that others need
                raise
            if sync:
                _sync_folder(path.parent)

    @contextmanager
    def _blamed(self, verb: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            where = error.filename or self._folder
            raise StoreError(f"{where} cannot be {verb}: {error.strerror}; what the director keeps is there") from error


def _write_through(path: Path, text: str, *, sync: bool) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(file, "w", encoding="utf-8", newline="") as stream:
        stream.write(text)
        stream.flush()
        if sync:
            os.fsync(stream.fileno())


def _in_pieces(document: dict[str, Any]) -> str:
    """As JSON, what its tables hold one by one: the library's encoder keeps the interpreter to itself while it runs."""
    tables = (f"{json.dumps(name)}: {_table(value)}" for name, value in document.items())
    return f"{{{', '.join(tables)}}}"


def _table(value: object) -> str:
    if not isinstance(value, dict):
        return json.dumps(value)
    members = (f"{json.dumps(name)}: {json.dumps(member)}" for name, member in value.items())
    return f"{{{', '.join(members)}}}"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
