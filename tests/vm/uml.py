"""A machine: User Mode Linux, booted on the host's own root, that runs commands as root and tells what they said.

    with Machine() as machine:
        print(machine.run("modprobe ip_vs && cat /proc/net/ip_vs").stdout)

The guest sees the host's files through a tmpfs overlay: it may write anywhere, and nothing of it reaches the host
but what it writes into `/run/share`, which is the host's `machine.share`. The guest is an ordinary process of one
CPU and has no network but its own loopback, unless it is given a tap (`Tap`).
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType

KERNEL = os.environ.get("CAROM_UML", "linux.uml")
"""The kernel to boot; Debian's `user-mode-linux` installs `linux.uml`."""
MODULES = os.environ.get("CAROM_UML_MODULES", "")
"""Its modules, where they are not in `/usr/lib/uml/modules/RELEASE`."""
GUEST = Path(__file__).with_name("guest.sh")
XSTATE = Path(__file__).with_name("xstate.c")
BOOT_SECONDS = 60.0


class MachineError(Exception):
    """The machine did not boot, or did not answer in time; the text ends with the last lines of its console."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a command in the guest said."""

    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Tap:
    """A tap device of the host, in a network namespace, that becomes the guest's `vec0`."""

    netns: str
    """A name under `/run/netns`."""
    interface: str


def missing() -> str | None:
    """Why no machine can be booted here and what to install; None where one can."""
    packages = {KERNEL: "user-mode-linux", "insmod": "kmod", "ip": "iproute2", "clang": "clang"}
    absent = sorted(package for program, package in packages.items() if shutil.which(program) is None)
    if absent:
        return f"needs {' '.join(absent)}: apt-get install {' '.join(absent)}"
    if os.geteuid() != 0:
        return "needs root: the guest's root is the host's own, read through hostfs"
    return None


@cache
def _preloaded() -> tempfile.TemporaryDirectory[str]:
    """Where `xstate.so` is, as long as this process runs."""
    folder = tempfile.TemporaryDirectory(prefix="carom-vm-")
    made = f"{folder.name}/xstate.so"
    subprocess.run(["clang", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", made, XSTATE, "-ldl"], check=True)
    return folder


class Machine:
    """One guest. Booted on entering the `with`, killed on leaving it, whatever happened in between."""

    def __init__(self, *, memory: str = "512M", tap: Tap | None = None) -> None:
        self._memory = memory
        self._tap = tap
        self._jobs = 0

    def __enter__(self) -> Machine:
        self.share = Path(tempfile.mkdtemp(prefix="carom-vm-"))
        self._line, theirs = socket.socketpair()
        try:
            with theirs, (self.share / "console").open("wb") as console:
                self._process = subprocess.Popen(
                    self._command(theirs.fileno()),
                    stdin=subprocess.DEVNULL,
                    stdout=console,
                    stderr=console,
                    pass_fds=[theirs.fileno()],
                    env={
                        "PATH": os.environ["PATH"],
                        "HOME": str(self.share),
                        "LD_PRELOAD": f"{_preloaded().name}/xstate.so",
                    },
                    start_new_session=True,
                )
            self._answer("boot", BOOT_SECONDS)
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._kill()

    @property
    def pid(self) -> int:
        """Of the guest's first process on the host, which is also the session of all of them."""
        return self._process.pid

    def run(self, command: str | Sequence[str], *, seconds: float = 60.0) -> Result:
        """Run a shell line, or a program with its arguments, as root in the guest.

        Raises MachineError when it is not done after `seconds`; the machine is then of no further use.
        """
        self._jobs += 1
        job = str(self._jobs)
        line = command if isinstance(command, str) else shlex.join(command)
        (self.share / f"{job}.sh").write_text(line + "\n")
        self._line.sendall(f"{job}\n".encode())
        status = self._answer(job, seconds)
        return Result(status, self._read(f"{job}.out"), self._read(f"{job}.err"))

    def check(self, command: str | Sequence[str], *, seconds: float = 60.0) -> str:
        """As `run`, for a command that must succeed; gives what it printed, or raises MachineError."""
        result = self.run(command, seconds=seconds)
        if result.status != 0:
            raise MachineError(f"{str(command)[:200]!r} ended with {result.status}: {result.stderr}")
        return result.stdout

    def _command(self, line: int) -> list[str]:
        kernel = [KERNEL, f"mem={self._memory}", "rootfstype=hostfs", "rootflags=/", "ro", "quiet"]
        kernel += ["noreboot", "panic=-1", "con0=null,fd:1", "con=null", f"ssl0=fd:{line}", f"uml_dir={self.share}"]
        init = [f"CAROM_SHARE={self.share}", f"CAROM_MODULES={MODULES}", "init=/bin/sh", "--", str(GUEST)]
        if self._tap is None:
            return [*kernel, *init]
        tap = f"vec0:transport=tap,ifname={self._tap.interface},depth=128"
        return ["nsenter", f"--net=/run/netns/{self._tap.netns}", *kernel, tap, *init]

    def _answer(self, job: str, seconds: float) -> int:
        """Wait for the line `job STATUS`."""
        deadline = time.monotonic() + seconds
        said = b""
        while not said.endswith(b"\n"):
            self._line.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                heard = self._line.recv(4096)
            except TimeoutError:
                raise MachineError(f"{job!r} was not done after {seconds} s. {self._console()}") from None
            if not heard:
                raise MachineError(f"the machine died during {job!r}. {self._console()}")
            said += heard
        name, status = said.decode(errors="replace").split()
        if name != job:
            raise MachineError(f"expected an answer to {job!r}, heard {said!r}. {self._console()}")
        return int(status)

    def _console(self) -> str:
        return "Its console's last lines:\n" + "\n".join(self._read("console").splitlines()[-20:])

    def _read(self, name: str) -> str:
        return (self.share / name).read_text(errors="replace")

    def _kill(self) -> None:
        """End every process of the guest: they share the session that was opened for the first."""
        process = getattr(self, "_process", None)
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._line.close()
        shutil.rmtree(self.share, ignore_errors=True)
