"""What cannot be done is said in a sentence, with the right exit code, and nothing is half done."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.realserver_net import RIP, ROUTER, VIP, Segment, segment, snapshot

NOBODY = 65534


@pytest.fixture(scope="module")
def net() -> Iterator[Segment]:
    with segment(VIP) as built:
        yield built


WRONG = {
    "no such interface": (("--interface", "eth7"), "this host has no interface eth7; it has: eth0"),
    "the loopback as the interface": (("--interface", "lo"), "lo is the loopback; name the NIC"),
    "the host's own address": (("--vip", str(RIP)), f"{RIP} is this host's own address ({RIP}/24 on eth0)"),
    "the gateway": (("--vip", str(ROUTER)), f"{ROUTER} is this host's default gateway"),
    "the network's address": (("--vip", "10.77.0.0"), "10.77.0.0 is the network or broadcast address"),
    "the broadcast address": (("--vip", "10.77.0.255"), "10.77.0.255 is the network or broadcast address"),
    "no address at all": (("--vip", "0.0.0.0"), "0.0.0.0 can be no VIP: it means this network"),
    "a loopback address": (("--vip", "127.0.0.1"), "127.0.0.1 can be no VIP: it is a loopback address"),
    "multicast": (("--vip", "224.0.0.18"), "224.0.0.18 can be no VIP: it is multicast"),
    "link-local": (("--vip", "fe80::1"), "fe80::1 can be no VIP: it is link-local"),
    "IPv4 in disguise": (("--vip", "::ffff:10.77.0.50"), "write the IPv4 address"),
    "no address in form": (("--vip", "10.77.0"), "10.77.0 is no IPv4 or IPv6 address"),
    "no such method": (("--method", "magic"), "'magic' is not one of"),
    "a tool of another method": (("--tool", "nft"), "method sysctl needs no program"),
    "no such port": (("--port", "tcp/0"), "tcp/0 is no port"),
    "redirect without a port": (("--method", "redirect"), "add --port tcp/80"),
    "no such namespace": (("--netns", "nowhere"), "there is no network namespace nowhere"),
    "no such process": (("--netns", "999999999"), "there is no process 999999999"),
    "a path as a namespace": (("--netns", "../x"), "there is no network namespace ../x"),
    "an IPv6 RIP": (("--rip", "fd77::31"), "name the host's IPv4 address"),
}


@pytest.mark.parametrize(("options", "sentence"), WRONG.values(), ids=WRONG)
def test_a_wish_that_makes_no_sense_here(net: Segment, tmp_path: Path, options: tuple[str, ...], sentence: str) -> None:
    before = snapshot(net)
    done = net.carom("join", "--vip", str(VIP), *options, root=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert snapshot(net) == before
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_every_reason_is_given_at_once(net: Segment) -> None:
    done = net.carom("plan", "--vip", "224.0.0.1", "--vip", str(RIP), "--interface", "eth7")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 3


def as_nobody(net: Segment, command: str) -> subprocess.CompletedProcess[str]:
    if not all(folder.stat().st_mode & stat.S_IXOTH for folder in Path(__file__).parents):
        pytest.skip("the checkout lies where only root may look, so nobody else can run it there")
    place = ("nsenter", f"--net=/run/netns/{net.real}", "setpriv", f"--reuid={NOBODY}")
    program = (sys.executable, "-m", "carom", "real-server", command, "--vip", str(VIP))
    return subprocess.run((*place, *program), capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", ["join", "leave", "verify"])
def test_without_root(net: Segment, command: str) -> None:
    done = as_nobody(net, command)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"carom: `carom real-server {command}`")
    assert "run it with sudo" in done.stderr


def test_a_plan_needs_no_root(net: Segment) -> None:
    done = as_nobody(net, "plan")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"ip address add {VIP}/32 dev lo" in done.stdout


def test_a_vip_that_sits_on_lo_with_a_network(net: Segment, tmp_path: Path) -> None:
    net.on(net.real, "ip", "address", "add", f"{VIP}/24", "dev", "lo")
    try:
        done = net.carom("join", "--vip", str(VIP), root=tmp_path)
    finally:
        net.on(net.real, "ip", "address", "del", f"{VIP}/24", "dev", "lo")
    assert done.returncode == 2
    assert f"`ip address del {VIP}/24 dev lo`" in done.stderr


def test_another_method_for_a_vip_that_is_joined(net: Segment, tmp_path: Path) -> None:
    assert net.carom("join", "--vip", str(VIP), root=tmp_path).returncode == 0
    try:
        once = snapshot(net)
        done = net.carom("join", "--vip", str(VIP), "--method", "nft", root=tmp_path)
        assert (done.returncode, snapshot(net)) == (2, once)
        assert f"{VIP} is joined by method sysctl already" in done.stderr
    finally:
        assert net.carom("leave", root=tmp_path).returncode == 0


def test_leaving_a_vip_that_was_never_joined(net: Segment, tmp_path: Path) -> None:
    done = net.carom("leave", "--vip", str(VIP), root=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "was not joined by Carom on this host; joined are: none" in done.stderr
