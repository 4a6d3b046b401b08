"""Join and leave as transactions: whatever says no half-way, the host is as it was, or still silent."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from carom.errors import RealServerError, UnsupportedError
from carom.realserver.apply import Applier
from carom.realserver.files import Disk
from carom.realserver.host import LinuxHost
from carom.realserver.methods.method import Wish
from carom.realserver.persist.means import MEANS
from carom.realserver.record import Store
from carom.realserver.session import Session
from carom.realserver.steps import Command
from tests.net.realserver_net import RIP, VIP, VIP6, Segment, segment, snapshot
from tests.net.segment import inside


@pytest.fixture(scope="module")
def net() -> Iterator[Segment]:
    with segment(VIP) as built:
        yield built


@pytest.fixture
def applier(net: Segment, tmp_path: Path) -> Applier:
    host = LinuxHost()
    return Applier(host, Store(tmp_path / "record.json"), Disk(tmp_path, host))


def test_a_kind_of_interface_that_this_kernel_lacks(net: Segment, tmp_path: Path, applier: Applier) -> None:
    """The sysctls are done before it, and are undone."""
    wish = Wish(vips=(VIP,), method="noarp", interface="eth0", link="no-such-kind")
    before = snapshot(net)
    with inside(net.real), pytest.raises(UnsupportedError, match="this kernel cannot do `ip link add carom0"):
        applier.join(wish, None)
    assert snapshot(net) == before
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_step_that_fails_undoes_the_earlier_ones(net: Segment, applier: Applier) -> None:
    """Every method, failing at its last step: an address that the kernel refuses while the steps before it pass."""
    for method, tool in (("sysctl", ""), ("nft", "nft"), ("arptables", "arptables-nft")):
        wish = Wish(vips=(VIP, VIP6), method=method, interface="eth0", rip=RIP, tool=tool)
        net.on(net.real, "sysctl", "-qw", "net.ipv6.conf.lo.disable_ipv6=1")
        try:
            before = snapshot(net)
            with inside(net.real), pytest.raises(RealServerError, match=f"ip address add {VIP6}/128"):
                applier.join(wish, None)
            assert snapshot(net) == before, method
        finally:
            net.on(net.real, "sysctl", "-qw", "net.ipv6.conf.lo.disable_ipv6=0")


def test_a_boot_file_that_cannot_be_written_undoes_all(net: Segment, tmp_path: Path, applier: Applier) -> None:
    (tmp_path / "etc/systemd").mkdir(parents=True)
    (tmp_path / "etc/systemd/system").write_text("a file where a folder should be")
    before = snapshot(net)
    wish = Wish(vips=(VIP,), method="sysctl", interface="eth0")
    with inside(net.real), pytest.raises(RealServerError, match="no boot file was changed"):
        applier.join(wish, MEANS["systemd"])
    assert snapshot(net) == before
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["system"]


def test_what_systemd_answers_takes_nothing_back(net: Segment, tmp_path: Path) -> None:
    """On a busy machine it may not answer in time; it reads its files anew at boot in any case."""

    class Deaf(LinuxHost):
        def ask(self, *argv: str) -> str | None:
            return None if argv[0] == "systemctl" else super().ask(*argv)

    class Own(Disk):
        is_systems = boots_systemd = True

    host = Deaf()
    applier = Applier(host, Store(tmp_path / "record.json"), Own(tmp_path, host))
    before = snapshot(net)
    with inside(net.real):
        wish = Wish(vips=(VIP,), method="sysctl", interface="eth0")
        for applied in (applier.join(wish, MEANS["systemd"]), applier.leave()):
            assert applied.outcomes[-1].subject == "systemctl daemon-reload"
            assert "did not end in time" in applied.outcomes[-1].note
    assert snapshot(net) == before


def test_a_boot_file_of_someone_elses_is_not_overwritten(net: Segment, tmp_path: Path, applier: Applier) -> None:
    theirs = tmp_path / "etc/systemd/system/carom-real-server.service"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("# mine\n")
    before = snapshot(net)
    wish = Wish(vips=(VIP,), method="sysctl", interface="eth0")
    with inside(net.real), pytest.raises(RealServerError, match="exists and is not Carom's"):
        applier.join(wish, MEANS["systemd"])
    assert (snapshot(net), theirs.read_text()) == (before, "# mine\n")


def test_a_killed_join_can_be_taken_back_by_leave(net: Segment, tmp_path: Path) -> None:
    """Each step is in the record before it is done: here the process dies in the middle of the second."""
    script = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from carom.realserver.host import LinuxHost\n"
        "class Dying(LinuxHost):\n"
        "    def set_sysctl(self, key, value):\n"
        "        super().set_sysctl(key, value)\n"
        "        if key.endswith('arp_announce'): os.kill(os.getpid(), signal.SIGKILL)\n"
        "from carom.realserver import session\n"
        "from carom.realserver.choose import Asked\n"
        "from ipaddress import ip_address\n"
        f"session.Session(Dying(), Path({str(tmp_path)!r}), passing=True)"
        f".join(Asked((ip_address('{VIP}'),), 'sysctl'), 'none')\n"
    )
    before = snapshot(net)
    done = subprocess.run(["nsenter", f"--net=/run/netns/{net.real}", sys.executable, "-c", script], check=False)
    assert done.returncode == -signal.SIGKILL
    assert snapshot(net) != before
    left = net.carom("leave", root=tmp_path)
    assert (left.returncode, left.stderr) == (0, "")
    assert snapshot(net) == before


def test_what_someone_changed_since_is_left_alone(net: Segment, tmp_path: Path) -> None:
    assert net.carom("join", "--vip", str(VIP), root=tmp_path).returncode == 0
    net.on(net.real, "sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=8")
    try:
        done = net.carom("leave", root=tmp_path)
        assert "changed since join; it is now 8" in done.stdout
        assert net.on(net.real, "sysctl", "-n", "net.ipv4.conf.all.arp_ignore").strip() == "8"
        assert net.on(net.real, "sysctl", "-n", "net.ipv4.conf.all.arp_announce").strip() == "0"
    finally:
        net.on(net.real, "sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=0")


def test_what_was_so_before_join_stays_after_leave(net: Segment, tmp_path: Path) -> None:
    net.on(net.real, "sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=2", "net.ipv4.conf.all.arp_announce=1")
    net.on(net.real, "ip", "address", "add", f"{VIP}/32", "dev", "lo")
    try:
        before = snapshot(net)
        assert net.carom("join", "--vip", str(VIP), root=tmp_path).returncode == 0
        assert net.on(net.real, "sysctl", "-n", "net.ipv4.conf.all.arp_ignore").strip() == "2", "it serves as well"
        assert net.carom("leave", root=tmp_path).returncode == 0
        assert snapshot(net) == before
    finally:
        net.on(net.real, "ip", "address", "del", f"{VIP}/32", "dev", "lo")
        net.on(net.real, "sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=0", "net.ipv4.conf.all.arp_announce=0")


class Stuck(LinuxHost):
    """A host that lets go of no address."""

    def run(self, command: Command) -> str:
        if "del" in command.argv:
            raise RealServerError(f"`{command}` failed: not now")
        return super().run(command)


def test_leave_stops_before_the_silence_when_the_address_stays(net: Segment, tmp_path: Path) -> None:
    """A VIP that cannot be removed must not be left without its silence."""
    assert net.carom("join", "--vip", str(VIP), root=tmp_path).returncode == 0
    with inside(net.real):
        stuck = Session(Stuck(), tmp_path, passing=True)
        with pytest.raises(RealServerError, match="not now"):
            stuck.leave(())
    assert net.on(net.real, "sysctl", "-n", "net.ipv4.conf.all.arp_ignore").strip() == "1"
    assert net.carom("leave", root=tmp_path).returncode == 0
    assert net.on(net.real, "sysctl", "-n", "net.ipv4.conf.all.arp_ignore").strip() == "0"


def test_a_polite_kill_undoes_a_join_that_is_under_way(net: Segment, tmp_path: Path) -> None:
    """systemd, timeouts and impatient operators send SIGTERM; here while `ip`, a fifo in its place, adds the VIP."""
    fifo, slow = tmp_path / "fifo", tmp_path / "bin/ip"
    os.mkfifo(fifo)
    slow.parent.mkdir()
    slow.write_text(f'#!/bin/sh\n[ "$2" != add ] || exec cat {fifo}\nexec {shutil.which("ip")} "$@"\n')
    slow.chmod(0o755)
    before = snapshot(net)
    program = (sys.executable, "-m", "carom", "real-server", "join", "--vip", str(VIP), "--root", str(tmp_path))
    place = ("nsenter", f"--net=/run/netns/{net.real}")
    environment = {**os.environ, "PATH": f"{slow.parent}:{os.environ['PATH']}"}
    with (
        subprocess.Popen((*place, *program), env=environment, stderr=subprocess.PIPE) as joining,
        fifo.open("w"),  # opens when the join has come to the address
    ):
        assert net.on(net.real, "sysctl", "-n", "net.ipv4.conf.all.arp_ignore").strip() == "1"
        joining.send_signal(signal.SIGTERM)
        joining.communicate()
    assert joining.returncode == 130
    assert snapshot(net) == before
