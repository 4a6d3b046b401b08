"""The status document: what each part of a snapshot becomes."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_address, ip_interface

from carom.api.status import About, Document, encoded, status_document
from carom.core.world import begin, plan, step
from carom.engine import Snapshot
from carom.events import Fact, InterfaceChanged, NeighbourLost, NeighbourResolved
from carom.model import Config, Director, Ports, Protocol, Real, Scheduler, Service
from carom.ports import Attachment, Counter, Reading, RealReading, ReasonReading

VIP, ONE, TWO, SORRY = (ip_address(f"192.168.76.{host}") for host in (24, 31, 32, 99))
MAC1, OWN = bytes.fromhex("020000000031"), bytes.fromhex("020000000001")
PORTS = (Ports(Protocol.TCP, 80, 80), Ports(Protocol.TCP, 443, 443))
WEB = Service("web", VIP, PORTS, (Real(ONE, weight=3), Real(TWO, weight=2)), Scheduler.WRR)
ABOUT = About("0.1.0", "/etc/carom/carom.toml", 42, "2026-03-01T12:00:00+00:00")
NIC = InterfaceChanged(up=True, mac=OWN, addresses=(ip_interface("192.168.76.1/24"),))
READING = Reading(
    reals=(RealReading("web", ONE, Counter(100, 15_000), new_flows=7, active=2, inactive=1),),
    reasons=(
        ReasonReading("forwarded", "Sent on to a real server.", normal=True, counter=Counter(100, 15_000)),
        ReasonReading("malformed", "Headers that contradict themselves.", normal=False),
    ),
    flows=3,
    flow_capacity=1024,
)


def snapshot(*facts: Fact, service: Service = WEB) -> Snapshot:
    world = step(begin(Config(Director("eth0"), (service,))), [NIC, NeighbourResolved(ONE, MAC1), *facts], 0.0)
    attachment = Attachment("xdp", "eth0", "native", taken_over=True)
    return Snapshot(world, plan(world), attachment, READING, READING, apart=0.0, now=12.0, troubles=())


def document(seen: Snapshot) -> Document:
    """As it arrives at the other end."""
    arrived = json.loads(encoded(status_document(seen, ABOUT)))
    assert isinstance(arrived, dict)
    return arrived


def test_the_whole_document() -> None:
    idle = {"packets": 0.0, "bytes": 0.0, "new_flows": 0.0}
    seen = document(snapshot())
    assert seen == {
        "version": "0.1.0",
        "director": {
            "interface": "eth0",
            "plane": "xdp",
            "mode": "native",
            "taken_over": True,
            "mac": "02:00:00:00:00:01",
            "answering": True,
            "since": "2026-03-01T12:00:00+00:00",
            "config_file": "/etc/carom/carom.toml",
            "pid": 42,
        },
        "services": [
            {
                "name": "web",
                "vip": "192.168.76.24",
                "ports": ["tcp/80", "tcp/443"],
                "scheduler": "wrr",
                "reals": [
                    {
                        "address": "192.168.76.31",
                        "weight": 3,
                        "effective_weight": 3,
                        "mac": "02:00:00:00:00:31",
                        "up": True,
                        "why": "",
                        "active": 2,
                        "inactive": 1,
                        "packets": 100,
                        "bytes": 15_000,
                        "new_flows": 7,
                        "rates": idle,
                    },
                    {
                        "address": "192.168.76.32",
                        "weight": 2,
                        "effective_weight": 0,
                        "mac": None,
                        "up": False,
                        "why": "no answer to ARP on eth0",
                        "active": 0,
                        "inactive": 0,
                        "packets": 0,
                        "bytes": 0,
                        "new_flows": 0,
                        "rates": idle,
                    },
                ],
                "sorry": None,
                "totals": {
                    "active": 2,
                    "inactive": 1,
                    "packets": 100,
                    "bytes": 15_000,
                    "new_flows": 7,
                    "rates": idle,
                },
            }
        ],
        "reasons": [
            {
                "name": "forwarded",
                "packets": 100,
                "bytes": 15_000,
                "normal": True,
                "sentence": "Sent on to a real server.",
            },
            {
                "name": "malformed",
                "packets": 0,
                "bytes": 0,
                "normal": False,
                "sentence": "Headers that contradict themselves.",
            },
        ],
        "flows": {"used": 3, "capacity": 1024},
        "faults": ["web: 192.168.76.32 gets no connections: no answer to ARP on eth0"],
    }


def test_a_real_server_that_fell_silent_keeps_its_mac_and_says_since_when() -> None:
    real = document(snapshot(NeighbourLost(ONE)))["services"][0]["reals"][0]
    assert (real["mac"], real["up"], real["effective_weight"]) == ("02:00:00:00:00:31", False, 0)
    assert real["why"] == "no answer to ARP on eth0 for 12 s"


def test_a_quiesced_real_server_is_up() -> None:
    real = document(snapshot(service=replace(WEB, reals=(Real(ONE, weight=0),))))["services"][0]["reals"][0]
    assert (real["up"], real["weight"], real["effective_weight"], real["why"]) == (True, 0, 0, "")


def test_a_sorry_server_is_shown_while_it_serves() -> None:
    serving = snapshot(NeighbourLost(ONE), NeighbourResolved(SORRY, OWN), service=replace(WEB, sorry=SORRY))
    assert document(serving)["services"][0]["sorry"]["address"] == "192.168.76.99"


def test_rates_are_what_came_between_two_readings_per_second() -> None:
    later = Reading(reals=(RealReading("web", ONE, Counter(150, 25_000), new_flows=8, active=2, inactive=1),))
    seen = document(replace(snapshot(), reading=later, earlier=READING, apart=2.0))["services"][0]
    rates = {"packets": 25.0, "bytes": 5_000.0, "new_flows": 0.5}
    assert seen["reals"][0]["rates"] == rates
    assert seen["totals"]["rates"] == rates


def test_counters_that_begin_anew_have_no_rate() -> None:
    earlier = Reading(reals=(RealReading("web", ONE, Counter(900, 90_000), new_flows=99, active=0, inactive=0),))
    seen = document(replace(snapshot(), earlier=earlier, apart=1.0))["services"][0]["reals"][0]
    assert set(seen["rates"].values()) == {0.0}


def test_a_real_server_new_to_the_counters_has_no_rate_yet() -> None:
    seen = document(replace(snapshot(), earlier=Reading(), apart=1.0))["services"][0]["reals"][0]
    assert set(seen["rates"].values()) == {0.0}


def test_troubles_are_faults_and_come_first() -> None:
    seen = document(replace(snapshot(), troubles=("the last apply failed",)))
    assert seen["faults"][0] == "the last apply failed"
    assert len(seen["faults"]) == 2


def test_a_director_without_services_is_a_document_too() -> None:
    world = begin(Config(Director("eth0")))
    attachment = Attachment("fake", "eth0", "", taken_over=False)
    seen = document(Snapshot(world, plan(world), attachment, Reading(), Reading(), 0.0, 0.0, ()))
    assert (seen["services"], seen["faults"], seen["director"]["mac"]) == ([], [], None)
