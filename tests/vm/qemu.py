"""A whole machine: QEMU, which emulates one from power-on, running a disk image of Debian's (`debian`).

    with Machine(image, tap, extra) as machine:       powered on, and booted when this returns
        machine.check("carom real-server join ...")
        machine.reboot()                              back when it has booted again

It is emulated: no virtualisation is needed, and everything takes some ten times as long as on the host. What the
guest writes to its disk lasts over its reboots and ends with the machine.
"""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.vm.debian import Image
from tests.vm.uml import MachineError, Result, Tap

PROGRAM = "qemu-system-x86_64"
BOOT_SECONDS = 400.0
"""On a machine that does ten other things; else it is some twenty."""
KERNEL_LINE = (
    "root=/dev/vda rw console=ttyS0 quiet net.ifnames=0 mitigations=off no_timer_check tsc=reliable "
    "random.trust_cpu=on panic=-1 systemd.show_status=no"
)


@dataclass(frozen=True, slots=True)
class Disk:
    """One more disk: a folder of the host's, as it is when the machine is powered on."""

    folder: Path
    label: str


def missing() -> str | None:
    """Why no machine can be emulated here and what to install; None where one can."""
    if shutil.which(PROGRAM) is None:
        return "needs qemu-system-x86: apt-get install qemu-system-x86"
    return None


class Machine:
    """One guest. Powered on by entering the `with`, unplugged on leaving it, whatever happened in between."""

    def __init__(self, image: Image, tap: Tap, mac: str, disk: Disk, *, memory: str = "512") -> None:
        self._image = image
        self._tap = tap
        self._mac = mac
        self._disk = disk
        self._memory = memory
        self._jobs = 0

    def __enter__(self) -> Machine:
        self.folder = Path(tempfile.mkdtemp(prefix="carom-qemu-", dir="/var/tmp"))
        try:
            subprocess.run(["cp", "--sparse=always", str(self._image.disk), str(self.folder / "disk")], check=True)
            self._make_extra_disk()
            self._power_on()
        except BaseException:
            self._unplug()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._unplug()

    def run(self, script: str, *, seconds: float = 60.0) -> Result:
        """Run a shell script as root in the guest. Raises MachineError when it is not done after `seconds`."""
        return self._answer(self._send(script), seconds)

    def check(self, script: str, *, seconds: float = 60.0) -> str:
        """As `run`, for a script that must succeed; gives what it printed, or raises MachineError."""
        result = self.run(script, seconds=seconds)
        if result.status != 0:
            raise MachineError(f"{script[:200]!r} ended with {result.status}: {result.stderr}{result.stdout}")
        return result.stdout

    def reboot(self) -> None:
        """As an operator does, and wait until one can log in again.

        The machine switches itself off where hardware would reset itself, and is powered on again.
        """
        self._send("systemctl reboot --no-block")  # whoever would answer may be gone first
        try:
            self._process.wait(BOOT_SECONDS)
        except subprocess.TimeoutExpired:
            raise MachineError(f"the machine does not shut down. {self._last_words()}") from None
        self._line.close()
        self._power_on()

    def console(self) -> str:
        """All that was printed there since the last power-on."""
        return (self.folder / "console").read_text(errors="replace")

    def _send(self, script: str) -> str:
        """Hand the guest a script; the job's name."""
        self._jobs += 1
        self._line.sendall(f"{self._jobs} {base64.b64encode(script.encode()).decode()}\n".encode())
        return str(self._jobs)

    def _make_extra_disk(self) -> None:
        make = ["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-L", self._disk.label, "-d"]
        command = [*make, str(self._disk.folder), str(self.folder / "extra"), "64M"]
        subprocess.run(command, check=True, capture_output=True)

    def _power_on(self) -> None:
        self._heard = b""
        self._line, theirs = socket.socketpair()
        with theirs, (self.folder / "qemu.log").open("wb") as log:
            self._process = subprocess.Popen(
                self._command(theirs.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._answer("boot", BOOT_SECONDS)
        self._wait_for_the_login()

    def _command(self, line: int) -> list[str]:
        place = ["nsenter", f"--net=/run/netns/{self._tap.netns}", PROGRAM]
        machine = ["-accel", "tcg,thread=multi", "-cpu", "max,la57=off", "-machine", "q35", "-smp", "2"]
        bare = ["-m", self._memory, "-nodefaults", "-display", "none", "-no-reboot"]
        serial = ["-serial", f"file:{self.folder}/console", "-chardev", f"socket,id=line,fd={line}"]
        disks = [
            option
            for name in ("disk", "extra")
            for option in ("-drive", f"file={self.folder}/{name},if=virtio,format=raw,cache=unsafe")
        ]
        nic = [
            *("-netdev", f"tap,id=nic,ifname={self._tap.interface},script=no,downscript=no"),
            *("-device", f"virtio-net-pci,netdev=nic,mac={self._mac},romfile="),
        ]
        kernel = ["-kernel", str(self._image.kernel), "-initrd", str(self._image.initrd), "-append", KERNEL_LINE]
        return [*place, *machine, *bare, *serial, "-serial", "chardev:line", *disks, *nic, *kernel]

    def _wait_for_the_login(self) -> None:
        """The prompt comes about when the agent does."""
        end = time.monotonic() + BOOT_SECONDS
        while "login:" not in self.console():
            if time.monotonic() > end:
                raise MachineError(f"nobody can log in. {self._last_words()}")
            threading.Event().wait(0.05)

    def _answer(self, job: str, seconds: float) -> Result:
        """Wait for the line `job STATUS OUT ERR`."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self._heard:
            self._line.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                heard = self._line.recv(1 << 16)
            except TimeoutError:
                raise MachineError(f"{job!r} was not done after {seconds} s. {self._last_words()}") from None
            if not heard:
                raise MachineError(f"the machine died during {job!r}. {self._last_words()}")
            self._heard += heard
        said, _, self._heard = self._heard.partition(b"\n")
        name, status, out, err = said.decode(errors="replace").split()
        if name.strip("\0") != job:
            raise MachineError(f"expected an answer to {job!r}, heard {said!r}. {self._last_words()}")
        return Result(int(status), _unpacked(out), _unpacked(err))

    def _last_words(self) -> str:
        log = (self.folder / "qemu.log").read_text(errors="replace")
        return "\n".join(["Its console's last lines:", *self.console().splitlines()[-20:], log])

    def _unplug(self) -> None:
        if (process := getattr(self, "_process", None)) is not None:
            with contextlib.suppress(ProcessLookupError):  # it may have ended by itself
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            self._line.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _unpacked(text: str) -> str:
    return "" if text == "=" else base64.b64decode(text).decode(errors="replace")
