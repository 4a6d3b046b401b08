"""A lab that stands: its name, its files, its life from `create` to `remove`.

    /run/carom/lab/.lock          held while a lab's name is taken or leftovers are removed
    /run/carom/lab/NAME/lock      held by the process that builds, runs or removes the lab
                   …/lab.json     what it is made of; `standing` once it shall outlive its builder
                   …/carom.toml   its director's configuration, unless a file of the user's is used
                   …/carom.sock   its director's API
                   …/bpf          a bpffs of its own, for the director's pins
                   …/log          what its processes print

The kernel drops a lock with its holder, however that ends. So a lab that neither stands nor is locked is what a
killed builder left behind, and whoever creates a lab next removes it.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import IO

from carom.errors import LabError
from carom.lab import build, namespaces, processes, signals
from carom.lab.commands import require_tools, run
from carom.lab.network import NAMESPACES, Wire
from carom.model import Address

ROOT = Path("/run/carom/lab")
DEFAULT_NAME = "lab"
"""The lab that is meant where none is named."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,23}")
_KILLED_WITHIN = 5.0
"""Seconds in which a killed process must be gone."""


@dataclass(frozen=True, slots=True)
class Record:
    """What `lab.json` holds."""

    config: str
    """Path of the director's configuration."""
    vips: tuple[str, ...]
    created: str
    """When, by ISO 8601."""
    standing: bool = False


class Lab:
    """One lab; its verbs raise LabError."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.directory = ROOT / name
        self.socket = self.directory / "carom.sock"
        self.bpffs = self.directory / "bpf"
        self.pins = self.bpffs / "carom"
        self._record = self.directory / "lab.json"
        self._lock: IO[str] | None = None
        self._children: list[subprocess.Popen[bytes]] = []

    def namespace(self, inhabitant: str) -> str:
        """The name of a node's or a wire's namespace."""
        return build.namespace(self.name, inhabitant)

    @property
    def namespaces(self) -> list[str]:
        return [self.namespace(inhabitant) for inhabitant in NAMESPACES]

    @property
    def wires(self) -> dict[Wire, str]:
        """The namespace of each wire."""
        return {wire: self.namespace(wire) for wire in Wire}

    @property
    def exists(self) -> bool:
        return self._record.exists()

    @property
    def stands(self) -> bool:
        """Whether it shall outlive its builder."""
        return self.exists and self.record.standing

    @property
    def record(self) -> Record:
        """What it is made of. Raises LabError if it is gone."""
        try:
            return Record(**json.loads(self._record.read_text()))
        except FileNotFoundError:
            raise LabError(f"the lab `{self.name}` is gone") from None

    def log(self, process: str) -> Path:
        return self.directory / "log" / f"{process}.log"

    def spawn(self, node: str, command: Sequence[str], log: str) -> subprocess.Popen[bytes]:
        """Start a process on a node, its output in the log of that name."""
        child = namespaces.spawn(self.namespace(node), command, self.log(log))
        self._children.append(child)
        return child

    def take(self) -> None:
        """Make its directory, and with it the name, this process's own."""
        try:
            self.directory.mkdir()
        except FileExistsError:
            raise LabError(
                f"a lab named `{self.name}` is up already: use it, remove it with "
                f"`carom lab down --name {self.name}`, or build another with `--name`"
            ) from None
        (self.directory / "lock").touch()
        self.lock()

    def build(self, vips: tuple[Address, ...], config: Path | str) -> None:
        """Fill the directory and build the network."""
        self.bpffs.mkdir()
        (self.directory / "log").mkdir()
        path = config if isinstance(config, Path) else self.directory / "carom.toml"
        if isinstance(config, str):
            path.write_text(config)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._write(Record(str(path.absolute()), tuple(map(str, vips)), created=now))
        run("mount", "-t", "bpf", "bpf", str(self.bpffs))
        build.network(self.name, vips)

    def leave_standing(self) -> None:
        """Let it outlive this process."""
        self._write(replace(self.record, standing=True))
        self.unlock()

    def remove(self) -> None:
        """End everything that runs in it and take it away; what is gone already is no error."""
        self._kill()
        if self.bpffs.is_mount():
            run("umount", "--lazy", str(self.bpffs))
        namespaces.delete(self.namespaces)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.unlock()

    def lock(self) -> bool:
        """Take its lock; False: another process has it, or the lab is gone."""
        try:
            lock = (self.directory / "lock").open("r+")
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return False
        self._lock = lock
        return True

    def unlock(self) -> None:
        """Let go of its lock, if this process has it."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _write(self, record: Record) -> None:
        fresh = self._record.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(record), indent=2) + "\n")
        fresh.replace(self._record)

    def _kill(self) -> None:
        """Kill every process in its namespaces but this one, and those that they start meanwhile."""
        while pids := namespaces.processes(self.namespaces).keys() - {os.getpid()}:
            if lasting := processes.kill(pids, _KILLED_WITHIN):
                raise LabError(f"processes of the lab `{self.name}` do not end: {sorted(lasting)}")
        for child in self._children:
            child.wait()


def create(name: str, vips: tuple[Address, ...], config: Path | str) -> Lab:
    """Build a lab whose real servers own these VIPs; it lives as long as this process, unless left standing.

    `config` is the director's configuration: a file of the user's, or the text of one the lab is to keep. Raises
    LabError if a lab of that name is there, and leaves nothing behind when it fails.
    """
    require_root()
    require_tools()
    lab = Lab(_checked(name))
    with _root_locked():
        _sweep()
        lab.take()
    try:
        lab.build(vips, config)
    except BaseException:
        with signals.held_back():
            lab.remove()
        raise
    return lab


@contextmanager
def temporary(name: str, vips: tuple[Address, ...], config: Path | str) -> Iterator[Lab]:
    """A lab that is removed at the end, whatever the end is, unless it has been left standing; see `create`."""
    lab = create(name, vips, config)
    try:
        yield lab
    finally:
        if not lab.stands:
            with signals.held_back():
                lab.remove()


def find(name: str) -> Lab:
    """The lab of that name. Raises LabError if there is none."""
    lab = Lab(name)
    if not lab.exists:
        raise LabError(f"no lab named `{name}` is up{_instead_of(name)}")
    return lab


def take_down(name: str) -> None:
    """Remove a standing lab, with everything that runs in it. Raises LabError."""
    require_root()
    lab = find(name)
    with _root_locked():
        if not lab.lock():
            raise LabError(f"the lab `{name}` is in another process's hands, built, run or removed: let that end first")
    with signals.held_back():
        lab.remove()


def names() -> list[str]:
    """The labs there are, in the order of their names."""
    return sorted(path.parent.name for path in ROOT.glob("*/lab.json"))


def fresh_name(prefix: str) -> str:
    """A name that no other lab has."""
    return f"{prefix}-{secrets.token_hex(3)}"


def require_root() -> None:
    """Raises LabError without the rights to make network namespaces."""
    if os.geteuid() != 0:
        raise LabError("the lab makes network namespaces, and that needs root: run it with sudo")


@contextmanager
def _root_locked() -> Iterator[None]:
    ROOT.mkdir(parents=True, exist_ok=True)
    with (ROOT / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sweep() -> None:
    """Remove what killed builders left. Call it with the root locked, so that no lab is half taken."""
    for directory in [path for path in ROOT.iterdir() if path.is_dir()]:
        lab = Lab(directory.name)
        if lab.lock():
            if lab.stands:
                lab.unlock()
            else:
                lab.remove()


def _instead_of(name: str) -> str:
    """What to do about a lab that is not there."""
    up = names()
    if nearest := get_close_matches(name, up, 1) or up[:1]:
        return f", but `{nearest[0]}` is: add `--name {nearest[0]}`"
    return ": `carom lab up` builds it"


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise LabError(f"`{name}` cannot name a lab: it takes 1 to 24 of a-z, 0-9 and -, and begins with no -")
    return name
