"""The status document: what each part of a snapshot becomes."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address, ip_interface

from carom.api.encoding import encoded
from carom.api.status import About, Document, status_document
from carom.change import Standing
from carom.core.planning import plan
from carom.core.world import begin, step
from carom.events import ConfigLoaded, Fact, InterfaceChanged, NeighbourLost, NeighbourResolved, Overridden, Override
from carom.model import Check, Config, Director, Ports, Protocol, Real, Scheduler, Service
from carom.outcome import Checked, Diagnosis, Outcome, Reason, Verdict
from carom.ports import Attachment, Counter, Reading, RealReading, ReasonReading
from carom.rates import sample
from carom.snapshot import Snapshot

VIP, ONE, TWO, SORRY = (ip_address(f"192.168.76.{host}") for host in (24, 31, 32, 99))
MAC1, OWN = bytes.fromhex("020000000031"), bytes.fromhex("020000000001")
PORTS = (Ports(Protocol.TCP, 80, 80), Ports(Protocol.TCP, 443, 443))
WEB = Service("web", VIP, PORTS, (Real(ONE, weight=3), Real(TWO, weight=2)), Scheduler.WRR, check=None)
EPOCH = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
ABOUT = About("0.1.0", "/etc/carom/carom.toml", 42, "2026-03-01T12:00:00+00:00")
NIC = InterfaceChanged(up=True, mac=OWN, addresses=(ip_interface("192.168.76.1/24"),))
READING = Reading(
    reals=(RealReading("web", ONE, Counter(100, 15_000), new_flows=7, active=2, inactive=1),),
    reasons=(
        ReasonReading("forwarded", "Sent on to a real server.", normal=True, counter=Counter(100, 15_000)),
        ReasonReading("malformed", "Headers that contradict themselves.", normal=False),
    ),
    flows4=3,
    flows6=1,
    flow_capacity=1024,
)


def snapshot(*facts: Fact, service: Service = WEB) -> Snapshot:
    world = step(begin(Config(Director("eth0"), (service,))), [NIC, NeighbourResolved(ONE, MAC1), *facts], 0.0)
    attachment = Attachment("xdp", "eth0", "native", taken_over=True)
    return Snapshot(world, plan(world), attachment, READING, READING, apart=0.0, now=12.0, troubles=())


def first(seen: Snapshot) -> Document:
    """The first real server in the document."""
    real: Document = document(seen)["services"][0]["reals"][0]
    return real


def document(seen: Snapshot) -> Document:
    """As it arrives at the other end."""
    arrived = json.loads(encoded(status_document(seen, ABOUT, EPOCH, Standing(7, EPOCH + 60, drifted=False))))
    assert isinstance(arrived, dict)
    return arrived


def test_the_whole_document() -> None:
    idle = {"packets": 0.0, "bytes": 0.0, "new_flows": 0.0}
    none = {"begun": 0, "repeated": 0, "lost": 0, "seconds": 12.0}
    seen = document(snapshot())
    assert seen == {
        "version": "0.1.0",
        "director": {
            "interface": "eth0",
            "plane": "xdp",
            "mode": "native",
            "taken_over": True,
            "mac": "02:00:00:00:00:01",
            "inside": None,
            "answering": True,
            "since": "2026-03-01T12:00:00+00:00",
            "config_file": "/etc/carom/carom.toml",
            "pid": 42,
        },
        "configuration": {"version": 7, "confirm_by": "2026-03-01T12:01:00+00:00", "drift": False},
        "services": [
            {
                "name": "web",
                "vip": "192.168.76.24",
                "ports": ["tcp/80", "tcp/443"],
                "scheduler": "wrr",
                "standing": "serving",
                "reals": [
                    {
                        "address": "192.168.76.31",
                        "state": "up",
                        "weight": 3,
                        "effective_weight": 3,
                        "mac": "02:00:00:00:00:31",
                        "up": True,
                        "why": "",
                        "since": None,
                        "check": None,
                        "override": None,
                        "active": 2,
                        "inactive": 1,
                        "packets": 100,
                        "bytes": 15_000,
                        "new_flows": 7,
                        "rates": idle,
                        "rates_minute": idle,
                        "handshakes": none,
                    },
                    {
                        "address": "192.168.76.32",
                        "state": "down",
                        "weight": 2,
                        "effective_weight": 0,
                        "mac": None,
                        "up": False,
                        "why": "no answer to ARP on eth0",
                        "since": None,
                        "check": None,
                        "override": None,
                        "active": 0,
                        "inactive": 0,
                        "packets": 0,
                        "bytes": 0,
                        "new_flows": 0,
                        "rates": idle,
                        "rates_minute": idle,
                        "handshakes": none,
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
                    "rates_minute": idle,
                },
            }
        ],
        "reasons": [
            {
                "name": "forwarded",
                "packets": 100,
                "bytes": 15_000,
                "rates": {"packets": 0.0, "bytes": 0.0},
                "rates_minute": {"packets": 0.0, "bytes": 0.0},
                "normal": True,
                "sentence": "Sent on to a real server.",
            },
            {
                "name": "malformed",
                "packets": 0,
                "bytes": 0,
                "rates": {"packets": 0.0, "bytes": 0.0},
                "rates_minute": {"packets": 0.0, "bytes": 0.0},
                "normal": False,
                "sentence": "Headers that contradict themselves.",
            },
        ],
        "flows": {"ipv4": 3, "ipv6": 1, "capacity": 1024},
        "faults": ["web: 192.168.76.32 gets no connections: no answer to ARP on eth0"],
        "warnings": [],
    }


def test_a_real_server_that_fell_silent_keeps_its_mac_and_says_since_when() -> None:
    real = first(snapshot(NeighbourLost(ONE)))
    assert (real["mac"], real["up"], real["effective_weight"]) == ("02:00:00:00:00:31", False, 0)
    assert real["why"] == "no answer to ARP on eth0 for 12 s"


def test_a_quiesced_real_server_is_up() -> None:
    real = first(snapshot(service=replace(WEB, reals=(Real(ONE, weight=0),))))
    assert (real["up"], real["weight"], real["effective_weight"], real["why"]) == (True, 0, 0, "")


# ---- health and operators ----

CHECKED = replace(WEB, check=Check())
SILENT = Outcome(Reason.SILENT, "no answer", 1.0)
DEAD = Diagnosis(Verdict.SERVER_DOWN, "It does not answer.", "See whether it runs.")


def test_one_that_has_not_been_checked_yet_is_being_checked() -> None:
    real = first(snapshot(service=CHECKED))
    assert (real["state"], real["up"], real["why"]) == ("checking", False, "it has not been checked yet")


def test_one_that_fails_its_checks_says_everything_about_it() -> None:
    real = first(snapshot(Checked("web", ONE, SILENT, DEAD), service=CHECKED))
    assert (real["state"], real["since"]) == ("down", "2026-03-01T12:00:00+00:00")
    assert real["check"] == {
        "ok": False,
        "reason": "silent",
        "text": "no answer",
        "seconds": 1.0,
        "warnings": [],
        "verdict": "server_down",
        "evidence": "It does not answer.",
        "remedy": "See whether it runs.",
    }
    assert real["why"] == "down for 12 s, server down: It does not answer"


def test_one_that_begins_to_fail_is_a_warning() -> None:
    seen = snapshot(Checked("web", ONE, Outcome(Reason.OK)), Checked("web", ONE, SILENT, DEAD), service=CHECKED)
    assert first(seen)["state"] == "up"
    assert document(seen)["warnings"] == ["web: 192.168.76.31 fails its checks: It does not answer."]


def test_a_weight_that_climbs_is_shown_in_its_own_measure() -> None:
    climbs = replace(CHECKED, slow_start=60.0)
    facts = [Checked("web", ONE, outcome) for outcome in (SILENT, Outcome(Reason.OK), Outcome(Reason.OK))]
    seen = snapshot(*facts, service=climbs)
    fallen = replace(seen.world.health["web"][ONE], climbs=True)
    world = step(replace(seen.world, health={"web": {ONE: fallen}}), [ConfigLoaded(with_minimum(climbs, 2))], 0.0)
    real = first(replace(seen, world=world, plan=plan(world)))
    assert (real["weight"], real["effective_weight"]) == (3, 0.15)


def with_minimum(service: Service, minimum: int) -> Config:
    return Config(Director("eth0"), (replace(service, minimum=minimum),))


def test_what_an_operator_has_said_is_shown_as_such() -> None:
    drain = Override(0, "anna", since=1.0, deadline=61.0)
    real = first(snapshot(Overridden("web", ONE, drain)))
    assert (real["state"], real["weight"], real["effective_weight"]) == ("draining", 3, 0)
    assert real["override"] == {
        "weight": 0,
        "by": "anna",
        "since": "2026-03-01T12:00:01+00:00",
        "deadline": "2026-03-01T12:01:01+00:00",
    }


def test_one_that_the_configuration_has_dropped_leaves() -> None:
    seen = document(snapshot(ConfigLoaded(Config(Director("eth0"), (replace(WEB, reals=(Real(TWO),)),)))))
    real = seen["services"][0]["reals"][1]
    assert (real["address"], real["state"], real["weight"]) == ("192.168.76.31", "leaving", 0)


def test_a_sorry_server_is_shown_while_it_serves() -> None:
    serving = snapshot(NeighbourLost(ONE), NeighbourResolved(SORRY, OWN), service=replace(WEB, sorry=SORRY))
    assert document(serving)["services"][0]["sorry"]["address"] == "192.168.76.99"


def test_what_the_sorry_server_was_sent_is_in_the_totals_of_the_service() -> None:
    serving = snapshot(NeighbourLost(ONE), NeighbourResolved(SORRY, OWN), service=replace(WEB, sorry=SORRY))
    sent = RealReading("web", SORRY, Counter(10, 700), new_flows=4, active=3, inactive=2)
    counted = replace(serving, reading=replace(READING, reals=(*READING.reals, sent)))
    totals = document(counted)["services"][0]["totals"]
    assert [totals[name] for name in ("packets", "bytes", "new_flows", "active", "inactive")] == [110, 15_700, 11, 5, 3]


def test_rates_are_what_came_between_two_readings_per_second() -> None:
    later = Reading(reals=(RealReading("web", ONE, Counter(150, 25_000), new_flows=8, active=2, inactive=1),))
    seen = document(replace(snapshot(), reading=later, earlier=READING, apart=2.0))["services"][0]
    rates = {"packets": 25.0, "bytes": 5_000.0, "new_flows": 0.5}
    assert seen["reals"][0]["rates"] == rates
    assert seen["totals"]["rates"] == rates


def test_counters_that_begin_anew_have_a_rate_from_there() -> None:
    earlier = Reading(reals=(RealReading("web", ONE, Counter(900, 90_000), new_flows=99, active=0, inactive=0),))
    seen = document(replace(snapshot(), earlier=earlier, apart=1.0))["services"][0]["reals"][0]
    assert seen["rates"] == {"packets": 100.0, "bytes": 15_000.0, "new_flows": 7.0}


def test_a_minute_is_measured_from_what_was_then() -> None:
    then = sample(Reading(reasons=READING.reasons), 10.0), sample(READING, 10.0)
    later = Reading(
        reals=(RealReading("web", ONE, Counter(700, 75_000), new_flows=67, active=2, inactive=1),),
        reasons=(replace(READING.reasons[0], counter=Counter(700, 75_000)),),
    )
    new, known = (document(replace(snapshot(), reading=later, minute=one, read_at=70.0)) for one in then)
    assert known["services"][0]["totals"]["rates_minute"] == {"packets": 10.0, "bytes": 1000.0, "new_flows": 1.0}
    assert known["reasons"][0]["rates_minute"] == {"packets": 10.0, "bytes": 1000.0}
    assert new["services"][0]["reals"][0]["rates_minute"]["packets"] == round(700 / 60, 1), "it came within the minute"


def test_a_real_server_new_to_the_counters_has_a_rate_at_once() -> None:
    seen = document(replace(snapshot(), earlier=Reading(), apart=1.0))["services"][0]["reals"][0]
    assert seen["rates"] == {"packets": 100.0, "bytes": 15_000.0, "new_flows": 7.0}


def test_troubles_are_faults_and_come_first() -> None:
    seen = document(replace(snapshot(), troubles=("the last apply failed",)))
    assert seen["faults"][0] == "the last apply failed"
    assert len(seen["faults"]) == 2


def test_a_director_without_services_is_a_document_too() -> None:
    world = begin(Config(Director("eth0")))
    attachment = Attachment("fake", "eth0", "", taken_over=False)
    seen = document(Snapshot(world, plan(world), attachment, Reading(), Reading(), 0.0, 0.0, ()))
    assert (seen["services"], seen["faults"], seen["director"]["mac"]) == ([], [], None)


def test_the_inside_nic_of_a_director_with_two() -> None:
    seen = snapshot(InterfaceChanged(up=True, mac=b"\2\0\0\0\0\2", inside=True))
    two = replace(seen, attachment=replace(seen.attachment, inside="eth1"))
    assert document(two)["director"]["inside"] == {"interface": "eth1", "mac": "02:00:00:00:00:02"}


def test_what_handshakes_tell_is_counted_from_some_time_ago() -> None:
    before = replace(READING, reals=(replace(READING.reals[0], new_flows=1, syns_repeated=4),))
    after = replace(READING, reals=(replace(READING.reals[0], new_flows=7, syns_repeated=24, handshakes_lost=2),))
    seen = replace(snapshot(), reading=after, past=before, past_at=2.0)
    assert first(seen)["handshakes"] == {"begun": 6, "repeated": 20, "lost": 2, "seconds": 10.0}
    [warning] = document(seen)["warnings"]
    assert warning.startswith(f"web: {ONE} of 6 connections begun in 10 s, 2 were given up, and clients asked again 20")
