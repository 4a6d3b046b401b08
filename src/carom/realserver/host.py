"""The host itself: runs commands, reads and writes kernel settings, in the network namespace of the calling thread."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from carom.errors import RealServerError, UnsupportedError
from carom.realserver.steps import Command
from carom.realserver.view import Held, Nic

SECONDS = 30
"""No command takes longer unless something is broken."""

PATH = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
"""Users other than root have no sbin in theirs, and may still ask for a plan."""

_LACKING = ("do you need to insmod", "not supported", "Unknown device type", "Table does not exist")
"""How the tools say that it is the kernel that lacks something."""


class LinuxHost:
    """This host. It carries no state of its own: every answer is a fresh look."""

    def run(self, command: Command) -> str:
        """Raises UnsupportedError where the kernel lacks what was asked, RealServerError for everything else."""
        done = _execute(command)
        if done.returncode == 0:
            return done.stdout
        words = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
        line = str(command).partition("\n")[0]
        if any(mark in words for mark in _LACKING):
            raise UnsupportedError(
                f"this kernel cannot do `{line}` ({words}); choose another --method, or the same with another --tool"
            )
        raise RealServerError(f"`{line}` failed: {words}")

    def ask(self, *argv: str) -> str | None:
        if self.program(argv[0]) is None:
            return None
        try:
            done = _execute(Command(argv))
        except RealServerError:  # it did not end in time
            return None
        return done.stdout if done.returncode == 0 else None

    def sysctl(self, key: str) -> str:
        try:
            return _setting(key).read_text().strip()
        except OSError as error:
            raise RealServerError(f"cannot read the kernel setting {key}: {error.strerror}") from None

    def set_sysctl(self, key: str, value: str) -> None:
        try:
            _setting(key).write_text(value)
        except OSError as error:
            raise RealServerError(f"cannot set the kernel setting {key} to {value}: {error.strerror}") from None

    def nics(self) -> tuple[Nic, ...]:
        return tuple(_nic(entry) for entry in self.ip("-d", "link", "show"))

    def held(self) -> tuple[Held, ...]:
        shown = self.ip("address", "show")
        return tuple(_held(each["ifname"], info) for each in shown for info in each.get("addr_info", ()) if info)

    def ip(self, *argv: str) -> list[Any]:
        """What `ip -j` says. Raises RealServerError."""
        text = self.run(Command(("ip", "-j", *argv)))
        found: list[Any] = json.loads(text or "[]")
        return [entry for entry in found if entry]

    def program(self, name: str) -> str | None:
        """Where a program is installed."""
        return shutil.which(name, path=PATH)

    def makes(self, kind: str) -> bool:
        """Whether this kernel makes interfaces of a kind: tried in a namespace that ends with the trial.

        Where it cannot be tried, the answer is yes: a plan may then name what join finds missing.
        """
        if self.ask("unshare", "--net", "true") is None:
            return True
        macvlan = ("link", "parent") if kind == "macvlan" else ()
        steps = (
            ("ip", "link", "add", "parent", "type", "veth"),
            ("ip", "link", "add", "trial", *macvlan, "type", kind),
        )
        needed = steps if macvlan else steps[1:]
        script = " && ".join(str(Command(step)) for step in needed)
        return self.ask("unshare", "--net", "sh", "-c", script) is not None


def _execute(command: Command) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": PATH, "LC_ALL": "C"}
    try:
        return subprocess.run(
            command.argv,
            input=command.stdin,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            env=environment,
        )
    except FileNotFoundError:
        raise RealServerError(f"`{command.argv[0]}` is not installed, and `{command}` needs it") from None
    except subprocess.TimeoutExpired:
        raise RealServerError(f"`{command}` did not end within {SECONDS} s") from None


def _setting(key: str) -> Path:
    return Path("/proc/sys", *key.split("."))


def interface_setting(family: str, interface: str, name: str) -> str | None:
    """One interface's own value; a path rather than a key, since interfaces may have dots in their names."""
    try:
        return Path("/proc/sys/net", family, "conf", interface, name).read_text().strip()
    except OSError:
        return None


def _nic(entry: dict[str, Any]) -> Nic:
    flags: Iterable[str] = entry["flags"]
    return Nic(
        name=entry["ifname"],
        up="UP" in flags,
        arp="NOARP" not in flags,
        loopback="LOOPBACK" in flags,
        mtu=entry["mtu"],
        kind=entry.get("linkinfo", {}).get("info_kind", ""),
    )


def _held(interface: str, info: dict[str, Any]) -> Held:
    broadcast = info.get("broadcast")
    return Held(
        address=ip_address(info["local"]),
        prefix=info["prefixlen"],
        interface=interface,
        broadcast=ip_address(broadcast) if broadcast else None,
        nodad=bool(info.get("nodad")),
        tentative=bool(info.get("tentative")),
        duplicate=bool(info.get("dadfailed")),
    )
