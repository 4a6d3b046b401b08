"""A director with two NICs, end to end: real programs on the network that `tests.net.two_segments` draws."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from carom.client import Client
from carom.config.load import load
from carom.doctor.case import Told
from carom.doctor.examination import examine, opened
from carom.doctor.kinds import mtu
from carom.errors import UnreachableError
from carom.finding import Finding, Verdict
from carom.lab import namespaces, wait
from tests.net.two_segments import MACS, REALS, VIP, VIP6, Network, network

CONFIG = f"""\
[director]
interface = "eth0"
inside = "eth1"
watch = "1s"

[[service]]
name = "web"
vip = "{VIP}"
ports = ["tcp/80"]
scheduler = "rr"
reals = ["10.77.0.31", "10.77.0.32"]

[[service]]
name = "web6"
vip = "{VIP6}"
ports = ["tcp/80"]
scheduler = "rr"
reals = ["fd77::31", "fd77::32"]

[[service]]
name = "echo"
vip = "{VIP}"
ports = ["udp/7"]
scheduler = "rr"
check = false
reals = ["10.77.0.31", "10.77.0.32"]
"""
ECHO = f"""
import socket
here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
here.bind(("{VIP}", 7))
while True:
    data, client = here.recvfrom(65536)
    here.sendto(b"NAME:" + data, client)
"""
ASK = f"""
import socket
for number in range(20):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        here.settimeout(5)
        here.connect(("{VIP}", 7))
        here.send(b"%d" % number)
        print(here.recv(100).decode())
"""
WITHIN = 20.0


class Director:
    """The daemon on the director's host."""

    def __init__(self, net: Network, folder: Path) -> None:
        self.net, self.folder = net, folder
        self.config, self.socket = folder / "carom.toml", folder / "carom.sock"
        self.pins, self.said = folder / "bpf" / "carom", folder / "caromd.log"
        self.config.write_text(CONFIG)

    def command(self, *arguments: str) -> list[str]:
        words = ["--socket", str(self.socket), "--pins", str(self.pins), "--state", str(self.folder / "state")]
        return self.net.command("director", sys.executable, "-m", "carom.daemon", *words, *arguments)

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """While it runs; every real server is up."""
        with (
            self.said.open("ab") as said,
            subprocess.Popen(self.command("-c", str(self.config)), stdout=said, stderr=said) as process,
        ):
            try:
                assert wait.until(self.is_well, WITHIN), self.said.read_text()
                yield process
            finally:
                process.kill()

    @property
    def status(self) -> Any:
        return Client(self.socket).get("/v1/status")

    def is_well(self) -> bool:
        try:
            return not self.status["faults"] and all(
                real["up"] for service in self.status["services"] for real in service["reals"]
            )
        except UnreachableError:
            return False

    def has_program(self, nic: str) -> bool:
        [link] = json.loads(self.net.on("director", "ip", "-j", "link", "show", nic))
        return "xdp" in link


@pytest.fixture(scope="module")
def net() -> Iterator[Network]:
    """With a web server and a UDP server on each real server."""
    with network() as built, ExitStack() as held:
        for real in REALS:
            web = [sys.executable, "-m", "carom.lab.webserver", real, f"{VIP}:80", f"[{VIP6}]:80"]
            for command in (web, [sys.executable, "-c", ECHO.replace("NAME", real)]):
                server = held.enter_context(subprocess.Popen(built.command(real, *command)))
                held.callback(server.kill)
        assert wait.until(lambda: all(serves(built, real) for real in REALS), WITHIN)
        yield built


def serves(net: Network, real: str) -> bool:
    listening = net.on(real, "ss", "-lnut")
    return all(f"{place} " in listening for place in (f"{VIP}:80", f"[{VIP6}]:80", f"{VIP}:7"))


@pytest.fixture
def director(net: Network, tmp_path: Path) -> Iterator[Director]:
    (tmp_path / "bpf").mkdir()
    subprocess.run(["mount", "-t", "bpf", "bpf", str(tmp_path / "bpf")], check=True)
    director = Director(net, tmp_path)
    try:
        yield director
    finally:
        subprocess.run(director.command("--detach"), check=True, capture_output=True, timeout=30)
        subprocess.run(["umount", "--lazy", str(tmp_path / "bpf")], check=True)


def fetch(net: Network, vip: str, times: int = 20) -> Counter[str]:
    """Who answered, by the name at the head of each answer."""
    url = f"http://{f'[{vip}]' if ':' in vip else vip}/"
    said = net.on("client", "curl", "-sS", "--max-time", "10", "-H", "Connection: close", *[url] * times)
    return Counter(line.split()[0] for line in said.splitlines())


def received(net: Network, node: str, nic: str) -> int:
    """Frames that a node's NIC has taken in."""
    [link] = json.loads(net.on(node, "ip", "-s", "-j", "link", "show", nic))
    packets: int = link["stats64"]["rx"]["packets"]
    return packets


def ended(director: Director) -> dict[str, int]:
    """How many packets ended in each way."""
    return {reason["name"]: reason["packets"] for reason in director.status["reasons"]}


def test_requests_come_in_outside_and_leave_inside(net: Network, director: Director) -> None:
    with director.running():
        before = received(net, "gateway", "eth1")
        assert fetch(net, VIP) == fetch(net, VIP6) == {"real1": 10, "real2": 10}
        home = received(net, "gateway", "eth1") - before
        assert home >= 200, "the replies went home by the real servers' own gateway"
        assert wait.until(lambda: ended(director)["forwarded"] >= 200, WITHIN)
        assert director.status["director"]["inside"] == {"interface": "eth1", "mac": MACS["eth1"]}

        said = net.on("client", sys.executable, "-c", ASK).splitlines()
        assert [line.partition(":")[2] for line in said] == [str(number) for number in range(20)]
        assert Counter(line.partition(":")[0] for line in said) == {"real1": 10, "real2": 10}

        assert sender_at_real(net) == MACS["eth1"]


def sender_at_real(net: Network) -> str:
    """The MAC that a request has as its source when it reaches the real server."""
    command = net.command("real1", "tcpdump", "-nnel", "-c1", "-ieth0", f"tcp and dst {VIP} and src 203.0.113.10")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as capture:
        try:
            assert wait.until(lambda: fetch(net, VIP, 2) and capture.poll() is not None, WITHIN)
            return capture.stdout.read().split()[1] if capture.stdout else ""
        finally:
            capture.kill()


def test_killed_it_forwards_on_and_the_next_takes_both_nics_over(net: Network, director: Director) -> None:
    with director.running() as process:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert director.has_program("eth0")
    assert director.has_program("eth1")
    assert fetch(net, VIP).total() == 20
    with director.running():
        assert director.status["director"]["taken_over"] is True
        assert fetch(net, VIP).total() == 20
    said = subprocess.run(director.command("--detach"), check=True, capture_output=True, text=True, timeout=30).stdout
    assert "link, inside, " in said
    assert not director.has_program("eth0")
    assert not director.has_program("eth1")


def test_another_mac_on_the_inside_nic_is_learnt(net: Network, director: Director) -> None:
    with director.running():
        for mac in ("02:00:00:00:77:99", MACS["eth1"]):
            net.on("director", "ip", "link", "set", "eth1", "address", mac)
            assert wait.until(lambda mac=mac: director.status["director"]["inside"]["mac"] == mac, WITHIN)  # type: ignore[misc]
            assert wait.until(director.is_well, WITHIN)
            assert fetch(net, VIP).total() == 20


def test_an_inside_nic_that_is_down_is_told(net: Network, director: Director) -> None:
    with director.running():
        net.on("inside", "ip", "link", "set", "director-eth1", "down")
        down = "eth1 is down: nothing reaches the real servers"
        assert wait.until(lambda: down in director.status["faults"], WITHIN)
        net.on("inside", "ip", "link", "set", "director-eth1", "up")
        assert wait.until(director.is_well, WITHIN)
        assert fetch(net, VIP).total() == 20


def test_an_inside_nic_with_a_smaller_mtu_is_found(net: Network, director: Director) -> None:
    async def look() -> list[Finding]:
        async with opened(Told(load(CONFIG, "carom.toml"), director.pins, None)) as case:
            return mtu._between_nics(case)

    net.on("director", "ip", "link", "set", "eth1", "mtu", "1400")
    try:
        [found] = namespaces.inside(net.namespace("director"), lambda: asyncio.run(look()))
    finally:
        net.on("director", "ip", "link", "set", "eth1", "mtu", "1500")
    assert (found.verdict, found.subject, found.remedy) == (Verdict.WARNING, "eth1", "ip link set eth1 mtu 1500")


def test_the_doctor_finds_nothing_wrong(net: Network, director: Director) -> None:
    with director.running():
        told = Told(load(CONFIG, "carom.toml"), director.pins, director.status)
        found = namespaces.inside(net.namespace("director"), lambda: asyncio.run(examine(told)))
    assert [finding for finding in found if finding.verdict in (Verdict.FAULT, Verdict.WARNING)] == []
    well = {(finding.name, finding.server) for finding in found if finding.verdict is Verdict.OK}
    assert {("server", "10.77.0.31"), ("default-route", "10.77.0.32"), ("service", "fd77::32")} <= well
