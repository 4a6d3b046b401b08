"""What else happens on a director's host while the real caromd works there: it is noticed, said and put right.

Others take the program off, remove pins or put something else there, flush the tables that the director needs; the NIC
goes and comes; the daemon itself stands still for a while.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from carom.client import Client
from carom.dataplane.xdp.pins import pinned_link
from carom.errors import RefusedError
from tests.net.segment import VIP6, rip6, segment
from tests.net.test_daemon import CONFIG, DNS, Host, end, until

CHECKED = CONFIG.replace("check = false\n", "") + "\n[service.check]\nevery = 0.5\ntimeout = 0.5\nrise = 2\nfall = 2\n"
STOOD_STILL = 2.0
"""Seconds; checks are due twice in each."""


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A director with two real servers that answer, and with checks."""
    with segment(reals=2) as lan:
        for number in (1, 2):
            lan.listener(number, IPv4Address("0.0.0.0"), 80)
        host = Host(lan, tmp_path)
        host.config.write_text(CHECKED)
        host.bpffs.mkdir()
        _mount(host)
        try:
            yield host
        finally:
            host.manager.close()
            subprocess.run(["umount", "--lazy", str(host.bpffs)], check=False)


def _mount(host: Host) -> None:
    subprocess.run(["mount", "-t", "bpf", "bpf", str(host.bpffs)], check=True)


def events(host: Host) -> str:
    return host.said.read_text()


def apply(host: Host, text: str) -> None:
    Client(host.socket, 20).post("/v1/apply", {"text": text})


# ---- somebody else's hand on the data plane ----


def test_a_program_that_somebody_takes_off_is_put_on_again_and_pins_are_made_anew(host: Host) -> None:
    with host.daemon() as process:
        done = subprocess.run(
            ["nsenter", f"--net=/run/netns/{host.lan.director}", "ip", "link", "set", "dev", "eth0", "xdp", "off"],
            capture_output=True,
            check=False,
        )
        assert done.returncode, "the kernel does not let ip(8) do it"
        theirs = pinned_link(host.pins / "link")
        assert theirs is not None
        theirs.detach()  # as bpftool link detach does
        theirs.close()
        assert not host.attached
        until(lambda: host.attached)
        until(lambda: "data plane mended" in events(host))
        assert "data plane disturbed interface=eth0 why=the program was taken off eth0 by somebody else" in events(host)
        assert host.status["faults"] == []

        shutil.rmtree(host.pins)
        assert host.attached, "packets go on meanwhile"
        until(lambda: events(host).count("data plane mended") == 2)
        assert (host.pins / "link").exists()
        assert (host.pins / "maps/flows4").exists()
        assert host.status["faults"] == []
        end(process, signal.SIGKILL)
    assert host.attached
    with host.daemon():
        assert host.status["director"]["taken_over"] is True


def test_without_a_bpf_file_system_packets_go_on_and_status_says_what_to_do(host: Host) -> None:
    with host.daemon():
        subprocess.run(["umount", "--lazy", str(host.bpffs)], check=True)
        until(lambda: any("is not on a BPF file system: mount -t bpf" in fault for fault in host.status["faults"]))
        assert any("nothing outlives this daemon" in fault for fault in host.status["faults"])
        assert host.attached
        with pytest.raises(RefusedError, match="mount -t bpf"):
            apply(host, CHECKED + DNS)
        _mount(host)
        until(lambda: host.status["faults"] == [], 40)
        apply(host, CHECKED + DNS)
        assert (host.pins / "link").exists()


def test_what_somebody_puts_in_place_of_a_pin_is_named_and_can_be_taken_away(host: Host) -> None:
    with host.daemon() as process:
        end(process, signal.SIGKILL)
    (host.pins / "maps/cursors").rename(host.pins / "maps/services")
    refused = host.run("-c", str(host.config))
    assert refused.returncode == 1
    assert "put there by somebody else" in refused.stderr
    assert host.attached, "what forwards is left alone"
    assert host.run("--detach").returncode == 0
    with host.daemon():
        assert host.attached
        assert host.status["faults"] == []


# ---- the NIC ----


def plug(host: Host, mac: str) -> None:
    director = host.lan.director
    link = f"ip link add p9 master br0 up type veth peer name eth0 address {mac} netns {director}"
    host.lan.on(f"{host.lan.prefix}-wire", *link.split())
    host.lan.on(director, *["ip", "addr", "add", "10.77.0.1/24", "dev", "eth0"])
    host.lan.on(director, *["ip", "-6", "addr", "add", "fd77::1/64", "dev", "eth0", "nodad"])
    host.lan.on(director, *["ip", "link", "set", "eth0", "up"])


def test_a_nic_may_go_down_and_may_be_another_of_the_same_name_and_mac(host: Host) -> None:
    """The second comes while the daemon stands still, so that it never sees it gone."""
    host.config.write_text(CHECKED + six())
    [link] = json.loads(host.lan.on(host.lan.director, "ip", "-j", "link", "show", "eth0"))
    with host.daemon() as process:
        host.lan.on(host.lan.director, "ip", "link", "set", "eth0", "down")
        until(lambda: "eth0 is down: nothing arrives and nothing is sent" in host.status["faults"])
        threading.Event().wait(1)  # two checks
        host.lan.on(host.lan.director, "ip", "link", "set", "eth0", "up")
        until(lambda: host.status["faults"] == [])
        assert "real server down" not in events(host), "that our own NIC is down says nothing of them"

        process.send_signal(signal.SIGSTOP)
        host.lan.on(host.lan.director, "ip", "link", "del", "eth0")
        plug(host, link["address"])
        process.send_signal(signal.SIGCONT)
        until(lambda: host.attached)
        until(lambda: host.status["faults"] == [])
        groups = "ip", "maddress", "show", "dev", "eth0"
        until(lambda: "33:33:ff:00:01:00" in host.lan.on(host.lan.director, *groups))  # of the IPv6 VIP


def six() -> str:
    """A service on an IPv6 VIP."""
    return f"""
[[service]]
name = "six"
vip = "{VIP6}"
ports = ["tcp/80"]
check = false
reals = ["{rip6(1)}"]
"""


# ---- the host's tables ----


def test_neither_flushed_neighbours_nor_flushed_rules_make_real_servers_look_dead(host: Host) -> None:
    director = host.lan.director

    def rules() -> str:
        return host.lan.on(director, "ip", "rule")

    with host.daemon():
        until(lambda: "proto 202" in rules())
        before = rules()
        host.lan.on(director, "ip", "neigh", "flush", "dev", "eth0", "nud", "all")
        host.lan.on(director, "ip", "rule", "flush", "protocol", "202")  # as systemd-networkd does when it starts
        until(lambda: rules() == before)
        host.lan.on(director, "ip", "route", "flush", "table", "all", "protocol", "202")
        threading.Event().wait(1.5)  # three checks
        assert [real["state"] for real in host.status["services"][0]["reals"]] == ["up", "up"]
        assert all(real["mac"] for real in host.status["services"][0]["reals"])
        assert host.status["faults"] == []
        assert "reply_lost" not in events(host)
        assert "neighbour lost" not in events(host)


# ---- the daemon itself ----


def test_after_it_stood_still_no_check_counts_that_was_due_meanwhile(host: Host) -> None:
    with host.daemon() as process:
        until(lambda: [real["state"] for real in host.status["services"][0]["reals"]] == ["up", "up"])
        process.send_signal(signal.SIGSTOP)
        threading.Event().wait(STOOD_STILL)
        process.send_signal(signal.SIGCONT)
        began = time.monotonic()
        while time.monotonic() - began < 1:
            assert [real["state"] for real in host.status["services"][0]["reals"]] == ["up", "up"]
        assert "real server down" not in events(host)
        assert host.status["faults"] == []
