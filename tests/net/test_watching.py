"""The daemon watches all the time: who misuses a VIP is in its status, its log and its metrics, until it is mended."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from carom.lab import breakage, director, standing, traffic, wait
from carom.lab.network import VIP, VIP6
from carom.lab.setup import OWN_ENDPOINTS, set_to_work
from carom.lab.standing import Lab
from tests.net.conftest import Carom
from tests.net.labs import on

WITHIN = 15.0
DIRECTOR, REAL2 = "02:00:00:00:76:10", "02:00:00:00:76:32"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """One that asks every second, and quiesces who leaks."""
    watch = 'interface = "eth0"\nwatch = "1s"\non_misuse = "quiesce"'
    config = director.configuration((3, 2, 1)).replace('interface = "eth0"', watch)
    with standing.temporary(standing.fresh_name("watch"), (VIP, VIP6), config) as built:
        set_to_work(built, OWN_ENDPOINTS)
        yield built


def faults(lab: Lab) -> list[str]:
    told: list[str] = director.status(lab.socket)["faults"]
    return told


def weights(lab: Lab) -> dict[str, float]:
    [service] = director.status(lab.socket)["services"]
    return {real["address"]: real["effective_weight"] for real in service["reals"]}


def metrics(lab: Lab) -> str:
    connection = HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(lab.socket))
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def test_a_leak_is_told_everywhere_and_quiesced_until_it_is_mended(lab: Lab) -> None:
    told = f"{VIP}: 192.168.76.32 ({REAL2}) answers who has {VIP}: "
    breakage.inflict(lab, "real2", "no-arp-ignore")
    try:
        assert wait.until(lambda: [fault for fault in faults(lab) if fault.startswith(told)], WITHIN)
        assert wait.until(lambda: weights(lab)["192.168.76.32"] == 0, WITHIN)
        labels = f'vip="{VIP}",mac="{REAL2}",real="192.168.76.32",finding="arp-ignore"'
        assert f"carom_vip_misused{{{labels}}} 1" in metrics(lab)
        assert "vip misused" in lab.log("caromd").read_text()
    finally:
        breakage.heal(lab, "real2")
    assert wait.until(lambda: not faults(lab), WITHIN)
    assert weights(lab) == {"192.168.76.31": 3, "192.168.76.32": 2, "192.168.76.33": 1}
    assert "carom_vip_misused{" not in metrics(lab)
    assert "vip misuse ended" in lab.log("caromd").read_text()


def test_what_a_leak_takes_away_is_taken_back_at_once(lab: Lab) -> None:
    """The quiet half: the real server looks for a neighbour in the VIP's name, in the middle of a reply."""
    on(lab, "router", "ping", "-qc1", str(VIP))
    breakage.inflict(lab, "real2", "no-arp-announce")
    try:
        on(lab, "real2", "sh", "-c", f"ping -qc1 -W1 -I {VIP} 192.168.76.200 || true")
        assert wait.until(lambda: any("in the name of" in fault for fault in faults(lab)), WITHIN)
        assert wait.until(lambda: DIRECTOR in on(lab, "router", "ip", "neigh", "show", str(VIP)), WITHIN)
    finally:
        breakage.heal(lab, "real2")
    assert wait.until(lambda: not faults(lab), WITHIN)


def test_a_reply_that_comes_to_the_director_is_told_with_traffic_alone(lab: Lab) -> None:
    breakage.inflict(lab, "real2", "wrong-gateway")
    try:
        traffic.send(lab.namespace("client"), VIP, 80, 6)
        told = f"{VIP}: 192.168.76.32 ({REAL2}) sends its replies from {VIP} to the director"
        assert wait.until(lambda: [fault for fault in faults(lab) if fault.startswith(told)], WITHIN)
    finally:
        breakage.heal(lab, "real2")


def test_a_stranger_is_told_by_its_mac(lab: Lab) -> None:
    breakage.inflict(lab, "gateway2", "foreign-claim")
    try:
        told = f"{VIP}: 02:00:00:00:76:03, no real server of Carom's, answers who has {VIP}"
        assert wait.until(lambda: [fault for fault in faults(lab) if fault.startswith(told)], WITHIN)
    finally:
        breakage.heal(lab, "gateway2")


def test_the_vips_are_followed_when_the_configuration_changes(carom: Carom, lab: Lab) -> None:
    """A VIP that comes is watched, with nothing restarted."""
    file, other = Path(lab.record.config), "192.168.76.25"
    before = file.read_text()
    service = before[before.index("[[service]]") :].replace('"web"', '"more"').replace(str(VIP), other)
    command = ("lab", "exec", "--name", lab.name, "director", "--", "carom", "apply")
    on(lab, "real3", "ip", "address", "add", f"{other}/32", "dev", "lo")
    breakage.inflict(lab, "real3", "no-arp-ignore")
    try:
        file.write_text(f"{before}\n{service}")
        assert carom(*command, str(file)).returncode == 0
        told = f"{other}: 192.168.76.33"
        assert wait.until(lambda: [fault for fault in faults(lab) if fault.startswith(told)], WITHIN)
    finally:
        breakage.heal(lab, "real3")
        file.write_text(before)
        carom(*command, str(file))
