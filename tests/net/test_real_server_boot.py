"""The boot files do at boot what join did: each is handed to its own program, on a host that has just come up.

No file of this machine is touched: `--root` puts them elsewhere, and each program is pointed there.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from carom.model import Ports, Protocol
from carom.realserver.choose import Asked
from carom.realserver.host import LinuxHost
from carom.realserver.persist.common import NFT_PATH, SYSCTL_PATH, UNIT, UNIT_PATH
from carom.realserver.session import Session
from tests.net.realserver_net import VIP, VIP6, Segment, resolve, segment
from tests.net.segment import inside

NETWORKD = Path("/lib/systemd/systemd-networkd")
SECONDS = 10.0
WEB, EVERYTHING = (Ports(Protocol.TCP, 80, 80),), (Ports(Protocol.TCP, 0, 65535),)
METHODS: dict[str, dict[str, Any]] = {
    "sysctl": {"method": "sysctl"},
    "arptables-nft": {"method": "arptables", "tool": "arptables-nft"},
    "arptables-legacy": {"method": "arptables", "tool": "arptables-legacy"},
    "nft": {"method": "nft"},
    "noarp": {"method": "noarp"},
    "redirect by nft": {"method": "redirect", "tool": "nft", "ports": WEB},
    "redirect by iptables-nft": {"method": "redirect", "tool": "iptables-nft", "ports": EVERYTHING},
}
ON_LO = ("sysctl", "arptables-nft", "nft")


def need(*tools: str) -> None:
    for tool in tools:
        if shutil.which(tool) is None and not Path(tool).exists():
            pytest.skip(f"{tool} is not installed")


def state(net: Segment) -> dict[str, str]:
    """What must be the same after a boot as after join."""
    looks = (
        ("ip", "-o", "-4", "address", "show", "dev", "lo"),
        ("ip", "-o", "-6", "address", "show", "dev", "lo"),
        ("ip", "-brief", "address", "show", "scope", "global", "type", "macvlan"),
        ("sysctl", "net.ipv4.conf.all.arp_ignore", "net.ipv4.conf.all.arp_announce"),
        ("nft", "-s", "list", "ruleset"),
        ("arptables-legacy", "-n", "-L"),
    )
    return {" ".join(look): net.on(net.real, *look) for look in looks}


def joined(root: Path, method: str, means: str) -> dict[str, str]:
    """Join on a host that is then gone, its disk kept; what it was like."""
    with segment(VIP, VIP6) as net, inside(net.real):
        Session(LinuxHost(), root, passing=True).join(Asked((VIP, VIP6), shared_ports=True, **METHODS[method]), means)
        return state(net)


@contextmanager
def fresh_boot(root: Path) -> Iterator[Segment]:
    """A host that has just come up, with sysctl.d applied, as every init does first."""
    with segment(VIP, VIP6) as net:
        settings = root / SYSCTL_PATH.lstrip("/")
        if settings.exists():
            net.on(net.real, "sysctl", "-q", "-p", str(settings))
        yield net


def run_unit(net: Segment, root: Path) -> None:
    """What systemd does with the unit: its commands in order, up to the first that may not fail and does."""
    unit = root / UNIT_PATH.lstrip("/")
    for line in unit.read_text().splitlines() if unit.exists() else ():
        if line.startswith("ExecStart="):
            command = line.removeprefix("ExecStart=").replace(NFT_PATH, f"{root}{NFT_PATH}")
            may_fail = command.startswith("-")
            try:
                net.on(net.real, *shlex.split(command.lstrip("-")))
            except AssertionError:
                assert may_fail, command


def prove(net: Segment, wanted: dict[str, str]) -> None:
    assert {key: plain(text) for key, text in state(net).items()} == {key: plain(text) for key, text in wanted.items()}
    for vip in (VIP, VIP6):
        assert resolve(net, vip, 20) == [{"director"}] * 20


@pytest.mark.parametrize("method", METHODS)
def test_the_unit_brings_it_back(tmp_path: Path, method: str) -> None:
    need("arptables-nft", "iptables-nft", "nft")
    wanted = joined(tmp_path, method, "systemd")
    with fresh_boot(tmp_path) as net:
        run_unit(net, tmp_path)
        prove(net, wanted)
        once = state(net)
        run_unit(net, tmp_path)
        assert state(net) == once, "started again, it changes nothing"


@pytest.mark.parametrize("method", ["nft", "noarp"])
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path, method: str) -> None:
    need("systemd-analyze", "nft")
    joined(tmp_path, method, "systemd")
    unit = tmp_path / UNIT_PATH.lstrip("/")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    enabled = tmp_path / f"etc/systemd/system/multi-user.target.wants/{UNIT}"
    assert str(enabled.readlink()) == UNIT_PATH


@pytest.mark.parametrize("method", ON_LO)
def test_networkd_brings_it_back(tmp_path: Path, method: str) -> None:
    need(str(NETWORKD), "arptables-nft", "nft")
    wanted = joined(tmp_path, method, "networkd")
    with fresh_boot(tmp_path) as net:
        run_unit(net, tmp_path)
        with networkd(net, tmp_path / "etc/systemd/network"):
            prove(net, wanted)


def test_networkd_adds_to_a_file_for_lo_that_is_there_already(tmp_path: Path) -> None:
    need(str(NETWORKD))
    theirs = tmp_path / "etc/systemd/network/05-lo.network"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("[Match]\nName=lo\n\n[Network]\nAddress=192.0.2.99/32\n")
    joined(tmp_path, "sysctl", "networkd")
    assert not (theirs.parent / "10-carom-lo.network").exists()
    with fresh_boot(tmp_path) as net, networkd(net, theirs.parent):
        assert "192.0.2.99" in net.on(net.real, "ip", "address", "show", "dev", "lo")


def test_netplan_generates_what_networkd_brings_back(tmp_path: Path) -> None:
    need("netplan", str(NETWORKD))
    wanted = joined(tmp_path, "sysctl", "netplan")
    done = subprocess.run(["netplan", "generate", "--root-dir", tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with fresh_boot(tmp_path) as net, networkd(net, tmp_path / "run/systemd/network"):
        prove(net, wanted)  # netplan has no word against detection; the kernel does none on lo


@pytest.mark.parametrize("method", METHODS)
def test_ifupdown_brings_it_back(tmp_path: Path, method: str) -> None:
    need("ifup", "arptables-nft", "iptables-nft", "nft")
    interfaces = tmp_path / "etc/network/interfaces"
    interfaces.parent.mkdir(parents=True)
    interfaces.write_text(f"auto lo\niface lo inet loopback\n\nsource {interfaces}.d/*\n")
    wanted = joined(tmp_path, method, "ifupdown")
    ours = interfaces.with_name("interfaces.d") / "carom"
    ours.write_text(ours.read_text().replace(NFT_PATH, f"{tmp_path}{NFT_PATH}"))
    with fresh_boot(tmp_path) as net:
        (tmp_path / "state").mkdir()
        net.on(net.real, "ifup", "--all", f"--interfaces={interfaces}", f"--state-dir={tmp_path}/state")
        prove(net, wanted)


def plain(text: str) -> str:
    """Without the marks of who added an address: ifupdown's broadcast address, `nodad`, which is moot on lo."""
    words = text.split(" ")
    kept = [word for at, word in enumerate(words) if word not in ("brd", "nodad") and words[at - 1 : at] != ["brd"]]
    return " ".join(kept)


def test_networkmanager_reads_the_profile(tmp_path: Path) -> None:
    need("nmcli")
    joined(tmp_path, "sysctl", "networkmanager")
    profile = tmp_path / "etc/NetworkManager/system-connections/carom-lo.nmconnection"
    assert profile.stat().st_mode & 0o777 == 0o600, "NetworkManager ignores what others can read"
    done = subprocess.run(
        ["nmcli", "--offline", "connection", "modify", "connection.autoconnect", "yes"],
        input=profile.read_text(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    understood = done.stdout.splitlines()
    for line in ("type=loopback", "interface-name=lo", f"address2={VIP}/32", f"address2={VIP6}/128", "method=manual"):
        assert line in understood


@contextmanager
def networkd(net: Segment, configuration: Path) -> Iterator[None]:
    """systemd-networkd itself, on the real server's host, with these files as all of its configuration.

    In a mount namespace of its own. A read-only /sys tells it that there is no udev to wait for.
    """
    if not os.path.ismount("/"):
        pytest.skip("/ is no mount point (a plain chroot): systemd-networkd cannot be given files of its own")
    script = (
        "mount --make-rprivate / && mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/netif/links"
        " /run/systemd/netif/leases /run/systemd/netif/lldp && mount -t tmpfs tmpfs /etc/systemd/network"
        f" && cp -r {configuration}/. /etc/systemd/network && chmod -R a+rX /etc/systemd/network"
        f" && mount -t sysfs -o ro sysfs /sys && exec {NETWORKD}"
    )
    place = ("nsenter", f"--net=/run/netns/{net.real}", "unshare", "--mount", "sh", "-c", script)
    with subprocess.Popen(place, stderr=subprocess.PIPE, text=True) as daemon:
        try:
            until_the_vips_are_there(net, daemon)
            yield
        finally:
            daemon.terminate()
            said = daemon.communicate()[1]
            assert "ignoring assignment" not in said, said


def until_the_vips_are_there(net: Segment, daemon: subprocess.Popen[str]) -> None:
    for _ in range(int(SECONDS / 0.05)):
        shown = net.on(net.real, "ip", "address", "show", "dev", "lo")
        if str(VIP) in shown and str(VIP6) in shown:
            return
        assert daemon.poll() is None, "systemd-networkd has ended"
        threading.Event().wait(0.05)
    raise AssertionError(f"systemd-networkd gave lo no VIP in {SECONDS} s")
