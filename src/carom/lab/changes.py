"""Changes to a lab, each with what takes it back: one part of one node, and how it shall be.

A change can say its inverse before it is made: the same part as it is now. So whoever keeps the inverses and makes
them newest first restores everything exactly. As JSON they outlive the process that made the changes.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from subprocess import Popen
from typing import Any

from carom.client import Client
from carom.errors import LabError, UnreachableError
from carom.lab import namespaces, processes, reals, veth, wait
from carom.lab.commands import run
from carom.lab.standing import Lab
from carom.lab.webserver import parse_endpoint

WEB_SERVER, DAEMON = "carom.lab.webserver", "carom.daemon"
_ENDS_WITHIN, _READY_WITHIN = 5.0, 10.0
"""Seconds in which a killed process must be gone, and a new one be at work."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A kernel setting of a node, relative to /proc/sys/net."""

    where: str
    key: str
    value: str

    def inverse(self, lab: Lab) -> Change:
        path = Path("/proc/sys/net", self.key)
        return Setting(self.where, self.key, namespaces.inside(lab.namespace(self.where), path.read_text).strip())

    def make(self, lab: Lab) -> None:
        try:
            namespaces.inside(
                lab.namespace(self.where), partial(Path("/proc/sys/net", self.key).write_text, self.value)
            )
        except OSError as error:
            raise LabError(f"{self.where} has no setting {self.key}: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class Command:
    """What a command does on a node or a wire, and the command that undoes it."""

    where: str
    do: tuple[str, ...]
    undo: tuple[str, ...]
    stdin: str = ""
    """What `do` reads."""

    def inverse(self, lab: Lab) -> Change:
        return Command(self.where, self.undo, self.do)

    def make(self, lab: Lab) -> None:
        namespaces.inside(lab.namespace(self.where), partial(run, *self.do, stdin=self.stdin))


@dataclass(frozen=True, slots=True)
class Running:
    """One of the lab's own programs on a node, running with these arguments; with none: not running."""

    where: str
    module: str
    """WEB_SERVER or DAEMON."""
    arguments: tuple[str, ...]

    def inverse(self, lab: Lab) -> Change:
        now = next(iter(_processes(lab, self.where, self.module).values()), ())
        return Running(self.where, self.module, now)

    def make(self, lab: Lab) -> None:
        processes.kill(_processes(lab, self.where, self.module), _ENDS_WITHIN)
        if self.arguments:
            program = lab.spawn(self.where, [sys.executable, "-m", self.module, *self.arguments], self._log)
            self._wait_until_ready(lab, program)

    @property
    def _log(self) -> str:
        if self.module == WEB_SERVER:
            return self.where
        return "caromd" if self.where == "director" else f"caromd-{self.where}"

    def _wait_until_ready(self, lab: Lab, program: Popen[bytes]) -> None:
        if self.module == WEB_SERVER:
            reals.wait_until_serving(lab, {self.where: program}, endpoints(self.arguments))
        elif not wait.until(partial(_answers, self.arguments), _READY_WITHIN):
            raise LabError(f"caromd on {self.where} does not answer within {_READY_WITHIN:.0f} s")


@dataclass(frozen=True, slots=True)
class NativeXdp:
    """Whether a wire's port is fit for a NIC in native XDP mode."""

    where: str
    port: str
    fit: bool

    def inverse(self, lab: Lab) -> Change:
        return NativeXdp(self.where, self.port, not self.fit)

    def make(self, lab: Lab) -> None:
        change = veth.prepare_for_native_xdp if self.fit else veth.restore
        namespaces.inside(lab.namespace(self.where), partial(change, self.port))


Change = Setting | Command | Running | NativeXdp
KINDS: Mapping[str, type[Change]] = {
    "setting": Setting,
    "command": Command,
    "running": Running,
    "nativexdp": NativeXdp,
}
"""Every kind of change, by its name in JSON. All verbs raise LabError."""


def to_json(change: Change) -> dict[str, Any]:
    """The change as one JSON object."""
    return {"kind": type(change).__name__.lower(), **asdict(change)}


def from_json(document: Mapping[str, Any]) -> Change:
    """The change that `to_json` wrote down."""
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in document.items()
    }
    return KINDS[fields.pop("kind")](**fields)


def endpoints(arguments: tuple[str, ...]) -> tuple[reals.Endpoint, ...]:
    """Where a web server with these arguments, `NAME ADDRESS:PORT...`, listens."""
    parsed = (parse_endpoint(text) for text in arguments[1:])
    return tuple((ip_address(host), port) for host, port in parsed)


def _processes(lab: Lab, node: str, module: str) -> dict[int, tuple[str, ...]]:
    """Every process on a node that runs the module, with its arguments."""
    found = {}
    for pid in namespaces.processes([lab.namespace(node)]):
        words = _words(pid)
        if module in words:
            found[pid] = tuple(words[words.index(module) + 1 :])
    return found


def _words(pid: int) -> list[str]:
    """A process's command line; empty if it has just ended."""
    try:
        return Path("/proc", str(pid), "cmdline").read_text(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def _answers(arguments: tuple[str, ...]) -> bool:
    socket = Path(arguments[arguments.index("--socket") + 1])
    try:
        Client(socket).get("/v1/status")
    except UnreachableError:
        return False
    return True
