"""The whole examination: every fault of the lab has its name and its server, and a healthy lab has none."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest

from carom.core.handshakes import LEAST
from carom.doctor.examination import conclude, examine
from carom.doctor.kinds import return_path
from carom.finding import Finding, Verdict
from carom.lab import breakage, director, namespaces, traffic, wait
from carom.lab.faults import FAULTS, Fault
from carom.lab.network import NODES, VIP, VIP6, Role, Wire
from carom.lab.standing import Lab
from carom.lab.traffic import Tally
from carom.model import Director
from tests.net.conftest import Carom
from tests.net.doctor.ward import broken, clients, forget_handshakes, mac, repeated, told, wrong
from tests.net.labs import on

WITHIN = 10.0
"""Seconds in which a fault has to be found."""
BOTH_SEE = {"no-arp-ignore", "no-arp-announce", "wrong-gateway", "no-vip", "rip-only", "dead-service", "small-mtu"}
"""What the doctor sees from afar, and `carom real-server verify` on the spot."""
WRONG = (Verdict.WARNING, Verdict.FAULT)
SEEN_FOR = 15.0
"""Seconds after which the daemon's own watch has forgotten what was healed."""
HEALTHY_FOR = float(os.environ.get("CAROM_HEALTHY_SECONDS", "12"))
"""Seconds of traffic in which nothing may be found; the long form is 300."""


def doctor(carom: Carom, lab: Lab, *arguments: str) -> tuple[int, list[Finding]]:
    """`carom doctor` on the lab's director: its exit code and its findings."""
    done = carom("lab", "exec", "--name", lab.name, "director", "--", "carom", "doctor", "--json", *arguments)
    assert done.stderr == ""
    document = json.loads(done.stdout)
    findings = [Finding(**{**each, "verdict": Verdict(each["verdict"])}) for each in document["findings"]]
    assert document["ok"] == (not wrong(findings)) == (done.returncode == 0)
    return done.returncode, findings


def verify(carom: Carom, lab: Lab, node: str) -> set[tuple[str, Verdict]]:
    """What `carom real-server verify` finds wrong on a real server, by name and verdict."""
    vips = ("--vip", str(VIP), "--vip", str(VIP6), "--port", "tcp/80")
    directors = ("--director", "192.168.76.10", "--director", "fd00:76::10")
    command = ("carom", "real-server", "verify", *vips, *directors, "--json")
    done = carom("lab", "exec", "--name", lab.name, node, "--", *command)
    found = {(each["name"], Verdict(each["verdict"])) for each in json.loads(done.stdout)["findings"]}
    return {(name, verdict) for name, verdict in found if verdict in WRONG}


def victim(fault: Fault) -> str:
    """The node to break: not the first of its kind, so that a doctor that blames anybody is caught."""
    return [node.name for node in NODES.values() if node.role is fault.role][-1]


def guilty(node: str) -> set[str]:
    """How the doctor must name the node: a real server by its addresses; others are no real servers."""
    if NODES[node].role is not Role.REAL:
        return {""}
    return {str(interface.ip) for interface in NODES[node].nic(Wire.SEGMENT).addresses}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_a_fault_is_found_in_time_with_its_name_and_its_server_and_nothing_else_is(
    carom: Carom, lab: Lab, fault: Fault
) -> None:
    node = victim(fault)
    only_clients_see = fault.finding == return_path.NAME
    with ExitStack() as after, broken(lab, node, fault.name):
        began = time.monotonic()
        if only_clients_see:
            after.enter_context(clients(lab))
            assert wait.until(lambda: repeated(lab, min(guilty(node))) >= LEAST, WITHIN), "clients ask again"
        code, findings = doctor(carom, lab)
        took = time.monotonic() - began
        verified = verify(carom, lab, node) if fault.name in BOTH_SEE else set()
    named = {(name, server) for name, _, server in wrong(findings)}
    if fault.name == "detached":
        named.discard(("daemon", ""))  # it has ended too
    assert code == 1
    assert named
    assert named <= {(fault.finding, server) for server in guilty(node)}
    assert took < WITHIN
    if only_clients_see:
        forget_handshakes(lab)
    if fault.name in BOTH_SEE:
        assert {(each.name, each.verdict) for each in findings if each.verdict in WRONG} <= verified
    if fault.role is Role.GATEWAY:
        assert all(mac(node) in finding.evidence for finding in findings if finding.verdict is Verdict.FAULT)


def test_two_faults_of_two_servers_are_told_apart(carom: Carom, lab: Lab) -> None:
    with broken(lab, "real1", "no-arp-ignore"), broken(lab, "real3", "rip-only"):
        _, findings = doctor(carom, lab)
    named = {(name, server) for name, _, server in wrong(findings)}
    assert named == {
        *(("arp-ignore", "192.168.76.31"), ("listener", "192.168.76.33")),
        ("listener", "fd00:76::33"),
    }


def test_the_doctor_leaves_no_trace_on_the_director(carom: Carom, lab: Lab) -> None:
    def traces() -> list[str]:
        return [on(lab, "director", "ip", *words.split()) for words in ("rule", "-6 rule", "route show table all")]

    before = traces()
    doctor(carom, lab)
    assert traces() == before


@pytest.mark.parametrize(("interface", "state"), [("eth0", "down"), ("eth9", "not there")])
def test_without_its_nic_there_is_one_finding(lab: Lab, interface: str, state: str) -> None:
    config = replace(told(lab).config, director=Director(interface))
    on(lab, "segment", "ip", "link", "set", "director", "down")
    try:
        examined = examine(told(lab, config=config))
        [finding] = namespaces.inside(lab.namespace("director"), lambda: asyncio.run(examined))
    finally:
        on(lab, "segment", "ip", "link", "set", "director", "up")
    assert (finding.name, finding.subject, finding.verdict) == ("interface", interface, Verdict.FAULT)
    assert f"it is {state}" in finding.evidence


# ---- in a healthy lab ----


@contextmanager
def requests(lab: Lab) -> Iterator[list[Tally]]:
    """Clients ask both VIPs, one request after the other, for as long as this lasts."""
    end, tallies = threading.Event(), [Tally(0)]

    def ask() -> None:
        while not end.is_set():
            tallies.extend(traffic.send(lab.namespace("client"), vip, 80, 10) for vip in (VIP, VIP6))

    client = threading.Thread(target=ask)
    client.start()
    try:
        yield tallies
    finally:
        end.set()
        client.join()


@pytest.mark.timeout(HEALTHY_FOR + 120)
def test_in_a_healthy_lab_with_traffic_nothing_is_found(
    carom: Carom, lab: Lab, record_property: Callable[[str, object], None]
) -> None:
    assert wait.until(lambda: not director.status(lab.socket)["faults"], SEEN_FOR), "healed"
    end, examinations = time.monotonic() + HEALTHY_FOR, 0
    with requests(lab) as tallies:
        while time.monotonic() < end:
            code, findings = doctor(carom, lab)
            assert (code, wrong(findings)) == (0, set())
            assert {finding.verdict for finding in findings} == {Verdict.OK}, "and everything could be looked at"
            assert director.status(lab.socket)["faults"] == []
            examinations += 1
    answered = sum(tally.by_real.total() for tally in tallies)
    failed = [error for tally in tallies for error in tally.errors]
    seen = f"{HEALTHY_FOR:.0f} s, {examinations} examinations, {answered} requests answered, {len(failed)} failed"
    record_property("seen", seen)
    sys.stderr.write(f"{seen}\n")
    assert examinations >= 2
    assert answered > 100
    assert not failed
    assert breakage.standing(lab) == {}
    assert verify(carom, lab, "real3") == set(), "and verify says the same"


# ---- conclusions ----


def test_what_is_said_twice_is_told_once_and_the_worst_of_it_first() -> None:
    good = Finding("arp-ignore", "192.168.76.24", Verdict.OK, "quiet", server="192.168.76.31")
    bad = Finding("arp-ignore", "192.168.76.24", Verdict.FAULT, "it answers", server="192.168.76.31")
    other = Finding("arp-ignore", "192.168.76.24", Verdict.OK, "quiet", server="192.168.76.32")
    so_so = Finding("mtu", "192.168.76.32", Verdict.WARNING, "small")
    assert conclude([good, so_so, other, bad]) == (bad, so_so, other)
