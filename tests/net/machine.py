"""A machine of its own on this kernel: systemd, as process 1 of fresh namespaces, over a copy of a root file system.

    this host's /  (or another root)       read only, below
    a tmpfs                                what the machine writes, above; gone with it
    a segment's director namespace         its network

What systemd does to a service it does here as on any machine: users, capabilities, filters, mounts, watchdogs.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

SYSTEMD = Path("usr/lib/systemd/systemd")
BOOTS_WITHIN = 60.0
"""Seconds."""
BOOT = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$STAGE"
cd "$STAGE"
mkdir upper work machine
mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$STAGE/upper,workdir=$STAGE/work" machine
cd machine
mkdir -p proc sys run tmp dev
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t bpf -o mode=0700 bpf sys/fs/bpf
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs tmpfs dev
for device in null zero full random urandom tty; do
    touch dev/$device
    mount --bind /dev/$device dev/$device
done
ln -s /proc/self/fd dev/fd
mkdir dev/pts dev/shm dev/mqueue run/outside
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
pivot_root . run/outside
umount -l /run/outside
rm -f /etc/systemd/system/*.wants/* /usr/sbin/policy-rc.d
tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id
exec env -i container=carom PATH=/usr/sbin:/usr/bin:/sbin:/bin "$MARK" \
    /usr/lib/systemd/systemd --system --unit=basic.target --log-target=journal --show-status=0 </dev/null
"""


@dataclass(frozen=True)
class Machine:
    """The machine while it runs."""

    init: int
    """Its process 1, as we number it."""

    def run(self, *command: str, fails: bool = False, user: str = "") -> subprocess.CompletedProcess[str]:
        """A command in it, to its end; one that must not fail unless it is said.

        The root is named, since a test that runs in a plain chroot makes a namespace whose own root is outside it.
        """
        inside = ["nsenter", f"--target={self.init}", "--all", "--root", "--wd", "--", "env", "-i"]
        inside += ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]
        inside += [f"CAROM_TEST_RUN={os.environ['CAROM_TEST_RUN']}"]
        inside += ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
        done = subprocess.run([*inside, *command], capture_output=True, text=True, timeout=100, check=False)
        if done.returncode and not fails:
            pytest.fail(f"{' '.join(command)} ends with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def says(self, *command: str) -> str:
        return self.run(*command).stdout.strip()

    def write(self, path: str, text: str) -> None:
        self.root(path).parent.mkdir(parents=True, exist_ok=True)
        self.root(path).write_text(text)

    def root(self, path: str) -> Path:
        """A file of the machine, from outside."""
        return Path(f"/proc/{self.init}/root") / path.lstrip("/")

    def show(self, name: str, unit: str = "caromd") -> str:
        """A property of a unit."""
        return self.says("systemctl", "show", unit, f"--property={name}", "--value")

    @property
    def journal(self) -> str:
        return self.says("journalctl", "--unit=caromd", "--no-pager", "--output=cat")


@contextmanager
def machine(network: str, lower: Path = Path("/")) -> Iterator[Machine]:
    """One that has booted, in the network namespace of that name. Skips, aloud, where none can be made."""
    if not (lower / SYSTEMD).exists():
        pytest.skip(f"{lower} has no systemd")
    with _cgroup() as cgroup, tempfile.TemporaryDirectory() as stage:
        mark = f"CAROM_TEST_RUN={os.environ['CAROM_TEST_RUN']}"
        environment = os.environ | {"STAGE": stage, "LOWER": str(lower), "MARK": mark}
        namespaces = ["--mount", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child"]
        command = ["nsenter", f"--net=/run/netns/{network}", "unshare", *namespaces, "sh", "-c", BOOT]
        command = ["sh", "-c", f'echo $$ >{cgroup}/cgroup.procs && exec "$@"', "sh", *command]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            try:
                yield _booted(process)
            finally:
                process.kill()


def _booted(process: subprocess.Popen[bytes]) -> Machine:
    patience = threading.Event()
    for _ in range(round(BOOTS_WITHIN / 0.1)):
        patience.wait(0.1)
        if process.poll() is not None:
            said = process.stdout.read().decode(errors="replace") if process.stdout else ""
            pytest.skip(f"no machine can be made here: {said.strip()[-200:]}")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        if children and _is_up(found := Machine(int(children[0]))):
            return found
    pytest.fail(f"the machine is not up within {BOOTS_WITHIN} s")


def _is_up(found: Machine) -> bool:
    """basic.target: file systems, users and temporary files are there, and services may start."""
    return found.run("systemctl", "is-active", "basic.target", fails=True).stdout.strip() == "active"


@contextmanager
def _cgroup() -> Iterator[Path]:
    """A cgroup that the machine takes for the root of all."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    folder = next((Path(mount[1]) for mount in mounts if mount[2] == "cgroup2"), None)
    if folder is None:
        pytest.skip("no cgroup2 is mounted here")
    own = folder / f"carom-test-{os.getpid()}"
    own.mkdir()
    try:
        yield own
    finally:
        _remove(own)


def _remove(cgroup: Path) -> None:
    """Once the last process in it has gone."""
    patience = threading.Event()
    for _ in range(100):
        if "populated 0" in (cgroup / "cgroup.events").read_text():
            break
        patience.wait(0.05)
    for folder in sorted(cgroup.rglob("*/"), reverse=True):
        if folder.is_dir():
            folder.rmdir()
    cgroup.rmdir()
