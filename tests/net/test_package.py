"""The Debian package, installed on a machine with systemd: what an operator gets.

        ════╤══════════════╤═══  the segment of tests.net.segment
            │              │
         machine         real .31        a copy of this host, or a fresh Debian with CAROM_CLEAN_ROOT=1

CAROM_CLEAN_ROOT=1 makes that fresh Debian with debootstrap, which takes minutes and downloads it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.net.machine import Machine, machine
from tests.net.segment import VIP, Segment, rip, segment

pytestmark = pytest.mark.timeout(900)  # pip, dpkg and debootstrap have other machines to wait for
ROOT = Path(__file__).parents[2]
CAPABILITIES = {"CAP_BPF": 39, "CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13, "CAP_PERFMON": 38}
"""Of linux/capability.h."""
EXPOSED = 2.1
"""The most that `systemd-analyze security` may find, of 10; 9.6 is a service without any of this."""
CONFIG = f"""\
[director]
interface = "eth0"

[[service]]
name = "web"
vip = "{VIP}"
ports = ["tcp/80"]
reals = ["{rip(1)}"]
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `./dev package` does."""
    folder = tmp_path_factory.mktemp("package")
    done = subprocess.run([sys.executable, ROOT / "packaging/deb.py", folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


@pytest.fixture(scope="module")
def root(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root file system that the machine is a copy of."""
    if os.environ.get("CAROM_CLEAN_ROOT") != "1":
        return Path("/")
    folder = tmp_path_factory.mktemp("root")
    release = re.findall(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(), re.MULTILINE)[0]
    include = "--include=ca-certificates,systemd,systemd-sysv"
    subprocess.run(["debootstrap", "--variant=minbase", include, release, folder], check=True, capture_output=True)
    shutil.copy(package, folder / "root")
    install = ["apt-get", "install", "--yes", "--no-install-recommends", "procps", "iproute2", f"/root/{package.name}"]
    subprocess.run(["chroot", folder, *install], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def lan() -> Iterator[Segment]:
    with segment(reals=1) as lan:
        lan.listener(1, VIP, 80)
        yield lan


@pytest.fixture(scope="module")
def host(lan: Segment, root: Path, package: Path) -> Iterator[Machine]:
    """A machine with the package installed and configured, and nothing started."""
    with machine(lan.director, root) as host:
        shutil.copy(package, host.root("/root"))
        host.run("dpkg", "--no-triggers", "--install", f"/root/{package.name}")
        host.write("/etc/carom/carom.toml", CONFIG)
        for group, user in (("carom", "reader"), ("carom,carom-admin", "admin")):
            host.run("useradd", "--no-create-home", "--groups", group, user)
        host.run("useradd", "--no-create-home", "stranger")
        yield host


@pytest.fixture
def running(host: Machine) -> Iterator[Machine]:
    host.run("systemctl", "restart", "caromd")
    yield host
    host.run("systemctl", "stop", "caromd", fails=True)  # one test removes it
    shutil.rmtree(host.root("/run/systemd/system/caromd.service.d"), ignore_errors=True)
    host.run("systemctl", "daemon-reload")


def drop_in(host: Machine, *lines: str) -> None:
    """Settings of an operator's own, as `systemctl edit` makes them."""
    host.write("/run/systemd/system/caromd.service.d/test.conf", "\n".join(("[Service]", *lines, "")))
    host.run("systemctl", "daemon-reload")


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    patience = threading.Event()
    for _ in range(round(seconds / 0.1)):
        if condition():
            return
        patience.wait(0.1)
    pytest.fail(f"not within {seconds} s")


def status(host: Machine) -> Any:
    return json.loads(host.run("carom", "status", "--json", fails=True).stdout or "null")


def is_another(host: Machine, before: str) -> bool:
    """Whether the daemon runs, as another process than before."""
    return host.show("ActiveState") == "active" and host.show("MainPID") not in (before, "0")


def attached(host: Machine, lan: Segment) -> bool:
    return "xdp" in json.loads(lan.on(lan.director, "ip", "-j", "link", "show", "eth0"))[0]


# ---- running ----


def test_installed_and_started_it_serves(running: Machine, lan: Segment) -> None:
    until(lambda: status(running)["services"][0]["reals"][0]["up"])
    assert attached(running, lan)
    assert running.says("carom", "status").startswith("Director on eth0 ")
    assert "ready config=/etc/carom/carom.toml" in running.journal
    found = running.says("journalctl", "CAROM_EVENT=ready", "CAROM_CONFIG=/etc/carom/carom.toml", "--output=json")
    assert json.loads(found.splitlines()[-1])["_SYSTEMD_UNIT"] == "caromd.service"


ASKED = (
    "carom flows",
    f"carom explain --from 203.0.113.7:41000 --to {VIP}:80/tcp",
    "carom history",
    "carom plan",
    f"carom drain web {rip(1)} --deadline 5s",
    f"carom undrain web {rip(1)}",
)


def test_whatever_is_asked_it_can_do_under_its_restrictions(running: Machine) -> None:
    until(lambda: status(running)["services"][0]["reals"][0]["up"])
    for asked in ASKED:
        running.run(*asked.split(), user="admin")
    found = json.loads(running.run("carom", "doctor", "--json", fails=True).stdout)["findings"]
    verdicts = {one["name"]: one["verdict"] for one in found}
    assert [verdicts[name] for name in ("daemon", "xdp", "pins")] == ["ok", "ok", "ok"]


def test_it_is_not_root_and_can_do_no_more_than_it_needs(running: Machine) -> None:
    said = running.root(f"/proc/{running.show('MainPID')}/status").read_text()
    fields = dict(re.findall(r"^(\w+):\s+(.*)$", said, re.MULTILINE))
    needed = sum(1 << bit for bit in CAPABILITIES.values())
    assert {int(fields[which], 16) for which in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {needed}
    assert running.says("id", "--user", "carom") in fields["Uid"].split()
    assert "0" not in fields["Uid"].split()
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")


@pytest.mark.parametrize("missing", CAPABILITIES)
def test_every_capability_is_needed(running: Machine, missing: str) -> None:
    rest = " ".join(CAPABILITIES.keys() - {missing})
    drop_in(running, "Restart=no", "AmbientCapabilities=", f"AmbientCapabilities={rest}")
    assert running.run("systemctl", "restart", "caromd", fails=True).returncode
    assert re.search(r"caromd: .* this needs root, or .*CAP_", running.journal)


def test_killed_it_comes_back_and_takes_over(running: Machine, lan: Segment) -> None:
    before = running.show("MainPID")
    running.run("systemctl", "kill", "--signal=KILL", "caromd")
    assert attached(running, lan)
    until(lambda: is_another(running, before))
    assert status(running)["director"]["taken_over"] is True


def test_standing_still_it_is_ended_by_the_watchdog(running: Machine, lan: Segment) -> None:
    drop_in(running, "WatchdogSec=1", "WatchdogSignal=KILL")
    running.run("systemctl", "restart", "caromd")
    before = running.show("MainPID")
    running.run("systemctl", "kill", "--signal=STOP", "caromd")
    until(lambda: is_another(running, before))
    assert "Watchdog timeout" in running.journal
    assert attached(running, lan)


def test_going_round_it_is_left_alone_by_the_watchdog(running: Machine) -> None:
    drop_in(running, "WatchdogSec=1")
    running.run("systemctl", "restart", "caromd")
    since = running.show("WatchdogTimestampMonotonic")
    before = running.show("MainPID")
    until(lambda: int(running.show("WatchdogTimestampMonotonic")) > int(since) + 2_000_000)
    assert running.show("MainPID") == before


# ---- changing ----


def test_a_reload_carries_the_file_out_and_fails_where_that_fails(running: Machine) -> None:
    running.write("/etc/carom/carom.toml", CONFIG.replace(f'"{rip(1)}"', f'{{ address = "{rip(1)}", weight = 7 }}'))
    running.run("systemctl", "reload", "caromd")
    assert status(running)["services"][0]["reals"][0]["weight"] == 7
    running.write("/etc/carom/carom.toml", CONFIG.replace("tcp/80", "80"))
    assert running.run("systemctl", "reload", "caromd", fails=True).returncode
    assert re.search(r'/etc/carom/carom.toml:7: service\[0\].ports\[0\]: "80" lacks its protocol', running.journal)
    assert running.show("ActiveState") == "active"
    running.write("/etc/carom/carom.toml", CONFIG)
    running.run("systemctl", "reload", "caromd")


def test_one_group_may_look_and_another_may_change_things(running: Machine) -> None:
    def may(user: str, *command: str) -> bool:
        return running.run(*command, user=user, fails=True).returncode == 0

    look, change = ("carom", "history"), ("carom", "weight", "web", str(rip(1)), "3")
    assert [may("stranger", *look), may("stranger", *change)] == [False, False]
    assert [may("reader", *look), may("reader", *change)] == [True, False]
    assert [may("admin", *look), may("admin", *change)] == [True, True]
    running.run("carom", "undrain", "web", str(rip(1)))


def test_a_hook_has_none_of_its_capabilities(running: Machine) -> None:
    hook = '[[hook]]\non = ["configuration loaded"]\nrun = "/bin/cp /proc/self/status /run/carom/hook"\n'
    running.write("/etc/carom/carom.toml", CONFIG + hook)
    running.run("systemctl", "reload", "caromd")
    until(lambda: running.root("/run/carom/hook").exists())
    until(lambda: "Cap" in running.root("/run/carom/hook").read_text())
    held = re.findall(
        r"^Cap(?:Inh|Prm|Eff|Amb):\s*([0-9a-f]+)$", running.root("/run/carom/hook").read_text(), re.MULTILINE
    )
    assert set(held) == {"0" * 16}
    running.write("/etc/carom/carom.toml", CONFIG)


def test_detached_by_root_it_starts_again(running: Machine, lan: Segment) -> None:
    running.run("systemctl", "stop", "caromd")
    assert attached(running, lan)
    running.run("caromd", "--detach")
    assert not attached(running, lan)
    running.run("systemctl", "start", "caromd")
    assert attached(running, lan)


def test_an_upgrade_restarts_it_and_it_takes_over(running: Machine, lan: Segment, package: Path) -> None:
    def link() -> str:
        return lan.on(lan.director, "ip", "-d", "link", "show", "eth0").partition("prog/xdp")[2]

    before = running.show("MainPID")
    assert link()
    running.run("dpkg", "--no-triggers", "--install", f"/root/{package.name}")
    assert is_another(running, before)
    assert status(running)["director"]["taken_over"] is True
    running.run("systemctl", "stop", "caromd")
    running.run("dpkg", "--no-triggers", "--install", f"/root/{package.name}")
    assert running.show("ActiveState") == "inactive", "what was stopped stays so"
    assert link()


# ---- the package itself ----


def test_its_unit_is_sound_and_little_exposed(host: Machine) -> None:
    assert host.run("systemd-analyze", "verify", "--man=no", "caromd.service").stderr == ""
    report = host.says("systemd-analyze", "security", "--no-pager", "caromd.service")
    [level] = re.findall(r"Overall exposure level for caromd.service: ([0-9.]+)", report)
    assert float(level) <= EXPOSED, report


def test_every_page_and_file_it_promises_is_there(host: Machine) -> None:
    files = host.says("dpkg", "--listfiles", "carom").splitlines()
    for promised in ("man1/carom.1.gz", "man1/carom-drain.1.gz", "man5/carom.toml.5.gz", "man8/caromd.8.gz"):
        assert f"/usr/share/man/{promised}" in files
    assert "/usr/share/bash-completion/completions/carom" in files
    assert host.says("carom", "check", "/usr/share/doc/carom/examples/smallest.toml")


def test_lintian_finds_nothing(package: Path) -> None:
    if shutil.which("lintian") is None:
        pytest.skip("lintian is not installed")
    done = subprocess.run(["lintian", "--fail-on", "error,warning", package], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_removed_it_leaves_nothing_in_the_kernel(running: Machine, lan: Segment) -> None:
    assert attached(running, lan)
    running.run("dpkg", "--no-triggers", "--purge", "carom")
    assert not attached(running, lan)
    assert not running.root("/var/lib/carom").exists()
    assert not running.root("/usr/lib/carom").exists()
    assert running.root("/etc/carom/carom.toml").exists(), "it is the operator's"
