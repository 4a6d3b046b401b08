"""caromd as its users meet it: started, asked, told to read again, killed, started again, taken away.

It runs on the director of the segment that `tests.net.segment` draws, with a bpffs of its own for the pins.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from carom.client import Client
from tests.net.segment import VIP, VIP2, Segment, rip, segment

CONFIG = f"""\
[director]
interface = "eth0"

[[service]]
name = "web"
vip = "{VIP}"
ports = ["tcp/80"]
scheduler = "wrr"
check = false
reals = ["{rip(1)}", {{ address = "{rip(2)}", weight = 2 }}]
"""
DNS = f"""
[[service]]
name = "dns"
vip = "{VIP2}"
ports = ["udp/53"]
scheduler = "rr"
check = false
reals = ["{rip(2)}"]
"""


class Host:
    """The director's host: files, programs and what they said."""

    def __init__(self, lan: Segment, folder: Path) -> None:
        self.lan = lan
        self.config = folder / "carom.toml"
        self.config.write_text(CONFIG)
        self.socket = folder / "run/carom.sock"
        self.bpffs = folder / "bpf"
        self.pins = self.bpffs / "carom"
        self.state = folder / "state"
        self.said = folder / "caromd.log"
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(folder / "notify"))
        self.manager.settimeout(45)  # a start computes for a second, and may wait for a processor eight times as long

    def command(self, *arguments: str) -> list[str]:
        program = [sys.executable, "-m", "carom.daemon", "--socket", str(self.socket), "--pins", str(self.pins)]
        here = ["nsenter", f"--net=/run/netns/{self.lan.director}"]
        return [*here, *program, "--state", str(self.state), *arguments]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """caromd, when it is expected to end by itself."""
        return subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=20, check=False)

    @contextmanager
    def daemon(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """caromd while it runs; ready."""
        environment = os.environ | {"NOTIFY_SOCKET": self.manager.getsockname()}
        command = self.command("-c", str(self.config), *arguments)
        with (
            self.said.open("w") as said,
            subprocess.Popen(command, stdout=said, stderr=said, text=True, env=environment) as process,
        ):
            try:
                assert self.notified() == "READY=1", self.said.read_text()
                yield process
            finally:
                process.kill()

    def notified(self) -> str:
        """What the daemon tells its service manager next."""
        try:
            return self.manager.recv(4096).decode()
        except TimeoutError:
            return f"nothing; its log: {self.said.read_text()}"

    def reload(self, process: subprocess.Popen[str], text: str) -> None:
        self.config.write_text(text)
        process.send_signal(signal.SIGHUP)
        assert self.notified().startswith("RELOADING=1\nMONOTONIC_USEC=")
        assert self.notified() == "READY=1"

    @property
    def status(self) -> Any:
        return Client(self.socket).get("/v1/status")

    @property
    def attached(self) -> bool:
        """Whether there is a program on the director's NIC."""
        [link] = json.loads(self.lan.on(self.lan.director, "ip", "-j", "link", "show", "eth0"))
        return "xdp" in link

    def carom_status(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "carom", "status", "--socket", str(self.socket), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with segment(reals=2) as lan:
        host = Host(lan, tmp_path)
        host.bpffs.mkdir()
        subprocess.run(["mount", "-t", "bpf", "bpf", str(host.bpffs)], check=True)
        try:
            yield host
        finally:
            host.manager.close()
            subprocess.run(["umount", "--lazy", str(host.bpffs)], check=True)


def until(condition: Callable[[], object], seconds: float = 15.0) -> None:
    patience = threading.Event()
    for _ in range(round(seconds / 0.02)):
        if condition():
            return
        patience.wait(0.02)
    pytest.fail(f"not within {seconds} s")


def end(process: subprocess.Popen[str], number: signal.Signals = signal.SIGTERM) -> int:
    process.send_signal(number)
    return process.wait(10)


# ---- running ----


def test_when_it_is_ready_it_can_be_asked_and_every_real_server_has_its_mac(host: Host) -> None:
    with host.daemon():
        status = host.status
        assert [(real["address"], real["up"]) for real in status["services"][0]["reals"]] == [
            (str(rip(1)), True),
            (str(rip(2)), True),
        ]
        assert all(real["mac"] for real in status["services"][0]["reals"])
        assert status["director"]["plane"] == "xdp"
        assert status["director"]["mode"] in {"native", "generic"}
        assert status["director"]["taken_over"] is False
        assert status["faults"] == []
        assert host.attached


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_end_it_ends_well_and_the_program_stays(host: Host, number: signal.Signals) -> None:
    with host.daemon() as process:
        assert end(process, number) == 0
        assert host.notified() == "STOPPING=1"
    assert host.attached
    assert not host.socket.exists()
    assert "ended; packets go on" in host.said.read_text()


def test_killed_and_started_again_it_takes_over_without_waiting(host: Host) -> None:
    with host.daemon() as process:
        end(process, signal.SIGKILL)
    assert host.attached
    host.lan.on(host.lan.real(1), "ip", "link", "set", "eth0", "down")
    with host.daemon():
        status = host.status
        assert status["director"]["taken_over"] is True
        assert all(real["mac"] for real in status["services"][0]["reals"]), "the kernel still knew"


def test_real_servers_that_come_and_go_are_shown(host: Host) -> None:
    knobs = ("base_reachable_time_ms=300", "delay_first_probe_time=1", "interval_probe_time_ms=1000")
    host.lan.on(host.lan.director, "sysctl", "-qw", *(f"net.ipv4.neigh.eth0.{knob}" for knob in knobs))
    with host.daemon():
        host.lan.on(host.lan.real(1), "ip", "link", "set", "eth0", "down")
        until(lambda: host.status["faults"])
        assert f"web: {rip(1)} gets no connections: no answer to ARP on eth0" in host.status["faults"][0]
        assert host.status["services"][0]["reals"][0]["effective_weight"] == 0
        shown = host.carom_status()
        assert shown.returncode == 1
        assert "no answer to ARP" in shown.stdout
        host.lan.on(host.lan.real(1), "ip", "link", "set", "eth0", "up")
        until(lambda: not host.status["faults"])
        assert host.carom_status("--json").returncode == 0


def test_another_mac_on_the_directors_nic_is_attached_anew(host: Host) -> None:
    with host.daemon():
        host.lan.on(host.lan.director, "ip", "link", "set", "eth0", "address", "02:00:00:00:99:99")
        until(lambda: host.status["director"]["mac"] == "02:00:00:00:99:99")
        until(lambda: "attached anew" in host.said.read_text())
        assert host.attached
        assert host.status["director"]["taken_over"] is False
        until(lambda: not host.status["faults"])


def test_a_nic_that_is_replaced_is_attached_to_again(host: Host) -> None:
    with host.daemon():
        host.lan.on(host.lan.director, "ip", "link", "del", "eth0")
        until(lambda: "eth0 is gone: nothing arrives and nothing is sent" in host.status["faults"])
        plug = f"ip link add p9 master br0 up type veth peer name eth0 netns {host.lan.director}"
        host.lan.on(f"{host.lan.prefix}-wire", *plug.split())
        host.lan.on(host.lan.director, *["ip", "addr", "add", "10.77.0.1/24", "dev", "eth0"])
        host.lan.on(host.lan.director, *["ip", "link", "set", "eth0", "up"])
        until(lambda: host.attached)
        until(lambda: not host.status["faults"])


# ---- reading again ----


def test_a_sound_file_is_carried_out_on_sighup(host: Host) -> None:
    with host.daemon() as process:
        host.reload(process, CONFIG + DNS)
        until(lambda: [service["name"] for service in host.status["services"]] == ["web", "dns"])
        assert host.status["faults"] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (CONFIG.replace(f'"{VIP}"', '"nonsense"'), "service[0].vip"),
        (CONFIG.replace("eth0", "eth1"), "[director] has changed: restart caromd"),
        ("", "director"),
    ],
)
def test_a_file_that_cannot_be_carried_out_changes_nothing_and_is_named(host: Host, text: str, words: str) -> None:
    with host.daemon() as process:
        before = host.status["services"]
        host.reload(process, text)
        until(lambda: host.status["faults"])
        assert words in host.status["faults"][0]
        assert words in host.said.read_text()
        assert [real["mac"] for real in host.status["services"][0]["reals"]] == [
            real["mac"] for real in before[0]["reals"]
        ]
        host.reload(process, CONFIG)
        until(lambda: host.status["faults"] == [])


def test_a_hook_is_told_of_what_happens(host: Host, tmp_path: Path) -> None:
    told = tmp_path / "told"
    hook = f'[[hook]]\non = ["configuration loaded", "interface down"]\nrun = "/bin/dd status=none of={told}"\n'
    with host.daemon() as process:
        host.reload(process, CONFIG + hook)
        until(lambda: told.exists() and told.read_text().endswith("\n"))
        assert json.loads(told.read_text())["event"] == "configuration loaded"
        host.lan.on(host.lan.director, "ip", "link", "set", "eth0", "down")
        until(lambda: "interface down" in told.read_text())
        assert json.loads(told.read_text())["interface"] == "eth0"


# ---- not starting ----


def test_every_fault_of_a_file_is_named_and_nothing_is_touched(host: Host) -> None:
    host.config.write_text(CONFIG.replace("wrr", "www").replace("tcp/80", "80"))
    done = host.run("-c", str(host.config))
    assert done.returncode == 1
    faults = done.stderr.splitlines()
    assert len(faults) == 2
    assert all(fault.startswith(f"{host.config}:") for fault in faults)
    assert not host.attached
    assert not host.pins.exists()


def test_a_second_daemon_is_told_of_the_first(host: Host) -> None:
    with host.daemon() as process:
        done = host.run("-c", str(host.config))
        assert done.returncode == 1
        assert f"caromd (process {process.pid}) serves {host.socket} already" in done.stderr
        assert host.status["director"]["pid"] == process.pid


def test_a_nic_that_is_not_there_is_named(host: Host) -> None:
    host.config.write_text(CONFIG.replace("eth0", "eth9"))
    done = host.run("-c", str(host.config))
    assert done.returncode == 1
    assert done.stderr.startswith("caromd: there is no NIC eth9 here; there are ")


def test_wrong_usage_ends_with_2(host: Host) -> None:
    assert host.run("--nonsense").returncode == 2


# ---- going away ----


def test_detaching_removes_everything_and_says_so(host: Host) -> None:
    with host.daemon() as process:
        refused = host.run("--detach")
        assert refused.returncode == 1
        assert f"process {process.pid}" in refused.stderr
        end(process)
    done = host.run("--detach")
    assert done.returncode == 0
    assert done.stdout.startswith(f"removed from {host.pins}: link, ")
    assert "forgot 2 neighbours" in done.stdout
    assert not host.attached
    assert not host.pins.exists()
    again = host.run("--detach")
    assert again.returncode == 0
    assert again.stdout == f"nothing to remove: no data plane is pinned in {host.pins}\n"


# ---- its log ----


def test_its_log_can_be_read_by_machines(host: Host) -> None:
    with host.daemon("--log", "json") as process:
        end(process)
    events = [json.loads(line) for line in host.said.read_text().splitlines()]
    assert [event["event"] for event in events] == ["attached", "plan applied", "ready", "ended; packets go on"]
    assert events[1]["schedulable"] == 2


def test_it_says_which_version_it_is(host: Host) -> None:
    assert host.run("--version").stdout.startswith("caromd ")
