"""A Debian system on a disk image: systemd, networkd, ifupdown, nginx, and whatever other network manager is asked for.

    image(folder, means)   -> Image    the disk, its kernel and its initrd, made by mmdebstrap in about a minute

The packages come from wherever this machine's own come from. The image of the last run is used again where the
environment variable CAROM_VM_CACHE names a folder to keep it in. A guest never writes to it (`qemu.Machine`).

    eth0     192.168.76.34 and fd00:76::34 by systemd-networkd, home by the lab's gateway1
    nginx    listens on the VIPs alone: it starts only where they are there before it
    ttyS0    the console, with a login prompt
    ttyS1    guest-agent.sh, which does what the test says
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from carom.lab.network import NODES, VIP, VIP6, Nic, Wire

NIC = Nic("eth0", Wire.SEGMENT, 34)
"""The guest's place on the lab's segment."""
AGENT = Path(__file__).with_name("guest-agent.sh")
CACHE = os.environ.get("CAROM_VM_CACHE", "")
PACKAGES = (
    *("linux-image-cloud-amd64", "initramfs-tools", "systemd-sysv", "udev", "kmod", "iproute2", "procps"),
    *("python3", "nginx-light", "nftables", "ifupdown"),
)
MORE_PACKAGES = {"networkmanager": "network-manager", "netplan": "netplan.io"}
"""What keeps the VIPs over a reboot and is no part of a small Debian: each doubles the time to make the image."""
SIZE = "1500M"
BUILT_WITHIN = 600.0
UNREACHABLE = ("Could not resolve", "Could not connect", "Failed to fetch", "Temporary failure")
"""How apt says that it is the network that is missing."""


class UnavailableError(Exception):
    """The packages cannot be had here, and why."""


@dataclass(frozen=True, slots=True)
class Image:
    """What a machine is started from."""

    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "disk"

    @property
    def kernel(self) -> Path:
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        return self.folder / "initrd.img"


def missing() -> str | None:
    """Why no image can be made here and what to install; None where one can."""
    if platform.machine() != "x86_64":
        return "the virtual machine's Debian is made for x86-64 alone"
    packages = {"mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs"}
    absent = sorted(package for program, package in packages.items() if shutil.which(program) is None)
    return f"needs {' '.join(absent)}: apt-get install {' '.join(absent)}" if absent else None


def image(folder: Path, means: Iterable[str]) -> Image:
    """The image, made in this folder unless it is kept already. Raises UnavailableError."""
    packages = [*PACKAGES, *(MORE_PACKAGES[each] for each in sorted(MORE_PACKAGES.keys() & set(means)))]
    if not CACHE:
        return _make(folder, packages)
    kept = Image(Path(CACHE) / f"debian-{_recipe(packages)}")
    if not kept.disk.exists():
        made = _make(folder, packages)
        kept.folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(made.folder, kept.folder.with_suffix(".new"), dirs_exist_ok=True)
        kept.folder.with_suffix(".new").rename(kept.folder)
    return kept


def _recipe(packages: list[str]) -> str:
    """What the image is made from, in short."""
    parts = (Path(__file__).read_bytes(), AGENT.read_bytes(), " ".join(packages).encode())
    return hashlib.sha256(b"".join(parts)).hexdigest()[:12]


def _make(folder: Path, packages: list[str]) -> Image:
    root, made = folder / "root", Image(folder / "image")
    made.folder.mkdir()
    _install(root, packages)
    for path, text in _files().items():
        _write(root / path, text)
    shutil.copy(AGENT, root / "usr/local/sbin/guest-agent")
    _enable(root)
    for name in ("vmlinuz", "initrd.img"):
        shutil.copy(root / (root / name).readlink(), made.folder / name)  # in /boot, with their version
    _run("mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", str(root), str(made.disk), SIZE)
    shutil.rmtree(root)
    return made


def _install(root: Path, packages: list[str]) -> None:
    lean = [f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in ("doc", "man", "locale")]
    quick = ['--aptopt=Acquire::Languages "none"', *(f"--aptopt={line}" for line in _apt_ways())]
    suite, *sources = _sources()
    include = f"--include={','.join(packages)}"
    _run("mmdebstrap", "--quiet", "--variant=apt", include, *lean, *quick, suite, str(root), *sources)


def _sources() -> list[str]:
    """The suite, then the lines of sources.list that this machine itself uses for it."""
    form = "$(CODENAME)|deb $(REPO_URI) $(RELEASE) $(COMPONENT)"
    known = ("apt-get", "indextargets", "--format", form, "Created-By: Packages", "Origin: Debian")
    said = [line.split("|") for line in _run(*known).splitlines()]
    suite = min((codename for codename, _ in said), key=len, default="stable")
    return [suite, *(line for codename, line in said if codename.startswith(suite))]


def _apt_ways() -> Iterator[str]:
    """This machine's own way to the archive: proxies and the like."""
    for line in _run("apt-config", "dump").splitlines():
        if line.startswith(("Acquire::http", "Acquire::https", "Acquire::Check-Valid-Until")) and '""' not in line:
            yield line


def _files() -> dict[str, str]:
    """What makes this Debian the lab's fourth real server."""
    own = "".join(f"Address={interface}\n" for interface in NIC.addresses)
    home = "".join(f"Gateway={interface.ip}\n" for interface in NODES["gateway1"].nic(Wire.SEGMENT).addresses)
    return {
        "etc/hostname": "real4\n",
        "etc/network/interfaces": "auto lo\niface lo inet loopback\nsource /etc/network/interfaces.d/*\n",
        "etc/systemd/network/50-eth0.network": (f"[Match]\nName=eth0\n\n[Network]\nIPv6AcceptRA=no\n{own}{home}"),
        # On a busy machine a console may take longer than the 90 s after which nobody could log in.
        "etc/systemd/system.conf.d/patient.conf": "[Manager]\nDefaultTimeoutStartSec=600s\n",
        "etc/NetworkManager/conf.d/lab.conf": "[keyfile]\nunmanaged-devices=interface-name:eth0\n",
        "etc/nginx/sites-enabled/default": (
            "server_tokens off;\n"
            f"server {{ listen {VIP}:80; listen [{VIP6}]:80; location / {{ return 200 real4; }} }}\n"
        ),
        "etc/systemd/system/guest-agent.service": (
            "[Unit]\nAfter=multi-user.target nginx.service\nConflicts=shutdown.target\n\n"
            "[Service]\nExecStart=/bin/sh /usr/local/sbin/guest-agent\n\n[Install]\nWantedBy=graphical.target\n"
        ),
    }


def _enable(root: Path) -> None:
    """Units that run at boot, and those that only cost time."""
    _run("systemctl", f"--root={root}", "--quiet", "enable", "guest-agent.service", "systemd-networkd.service")
    idle = ("apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_reap.service", "systemd-pstore.service")
    _run("systemctl", f"--root={root}", "--quiet", "mask", *idle, "systemd-networkd-wait-online.service")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=BUILT_WITHIN)
    if done.returncode == 0:
        return done.stdout
    words = done.stderr.strip().splitlines()
    if why := [line for line in words if any(mark in line for mark in UNREACHABLE)]:
        raise UnavailableError(f"needs Debian's archive to make a virtual machine from: {why[0]}")
    raise AssertionError("\n".join([f"{command[0]} ended with {done.returncode}", *words[-20:]]))
