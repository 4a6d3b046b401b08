"""What is asked, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from carom.core.explain import (
    RULES,
    FlowSeen,
    Question,
    Runner,
    Sight,
    Step,
    TemplateSeen,
    explanation,
    matched,
    question,
    score,
)
from carom.core.plan import ServicePlan
from carom.model import OnNoReal, Ports, Protocol, Scheduler
from tests.dataplane import plans
from tests.dataplane.plans import REALS, SORRY, VIP, mac

ONE, TWO, THREE = map(ip_address, REALS)
ASKED = question("203.0.113.7:41000", f"{VIP}:80/tcp")
WEB = plans.service(Scheduler.WLC)
RUNNERS = (Runner(THREE, 1), Runner(TWO, 1, active=2, inactive=10), Runner(ONE, 1))
SEEN = Sight(Step.SCHEDULED, "web", THREE, mac(REALS[2]), THREE, runners=RUNNERS)


def reason(seen: Sight, web: ServicePlan = WEB, asked: Question = ASKED) -> str:
    found: str = explanation(asked, seen, plans.plan(web))["reason"]
    return found


def whys(seen: Sight, web: ServicePlan) -> list[str]:
    return [one["why"] for one in explanation(ASKED, seen, plans.plan(web))["candidates"]]


# ---- asking ----


def test_a_question_is_read() -> None:
    assert Question(ip_address("203.0.113.7"), 41000, ip_address(VIP), 80, Protocol.TCP) == ASKED
    assert question("[2001:db8::7]:1", "[2001:db8::24]:53/udp").vip == ip_address("2001:db8::24")
    assert question("203.0.113.7:1", f"{VIP}:80").protocol is Protocol.TCP
    assert question("203.0.113.7:1", f"{VIP}:2905/sctp").protocol is Protocol.SCTP


@pytest.mark.parametrize(
    ("client", "target", "words"),
    [
        ("203.0.113.7", f"{VIP}:80", "from: '203.0.113.7' is no address with a port; write it as 192.0.2.1:41000"),
        ("203.0.113.7:0", f"{VIP}:80", "from: "),
        ("203.0.113.7:65536", f"{VIP}:80", "from: "),
        ("203.0.113.7:1", "web:80", "to: 'web:80' is no address with a port; write it as 192.0.2.24:80/tcp"),
        ("2001:db8::7:1", f"{VIP}:80", "from: "),
        ("[203.0.113.7]:1", f"{VIP}:80", "from: "),
        (
            *("203.0.113.7:1", f"{VIP}:80/icmp"),
            f"to: 'icmp' is no protocol that is balanced; write {VIP}:80/tcp, {VIP}:80/udp or {VIP}:80/sctp$",
        ),
        ("203.0.113.7:1", f"{VIP}:80/", "to: '' is no protocol that is balanced"),
        ("203.0.113.7:1", "[2001:db8::24]:80", "from: 203.0.113.7 and 2001:db8::24 are of different families"),
        ("", "", "from: ''"),
    ],
)
def test_one_that_makes_no_sense_is_refused_with_how_to_write_it(client: str, target: str, words: str) -> None:
    with pytest.raises(ValueError, match="^" + words.replace("[", r"\[")):
        question(client, target)


# ---- scores ----


@pytest.mark.parametrize(
    ("scheduler", "found"),
    [
        (Scheduler.RR, None),
        (Scheduler.LC, 522),
        (Scheduler.WLC, 261),
        (Scheduler.SED, 1.5),
        (Scheduler.NQ, 1.5),
        (Scheduler.FO, 2),
        (Scheduler.TWOS, 261),
    ],
)
def test_a_score_is_the_number_that_the_scheduler_compares(scheduler: Scheduler, found: float | None) -> None:
    assert score(scheduler, Runner(ONE, 2, active=2, inactive=10)) == found


def test_who_is_not_compared_has_no_score() -> None:
    assert score(Scheduler.WLC, Runner(ONE, 0)) is None
    assert score(Scheduler.WLC, Runner(ONE, 1, overloaded=True)) is None
    assert score(Scheduler.MH, Runner(ONE, 1, share=0.25)) == 0.25


def test_every_scheduler_has_its_rule() -> None:
    assert set(RULES) == set(Scheduler)


# ---- answering ----


def test_the_whole_document() -> None:
    seen = replace(
        SEEN,
        step=Step.FLOW,
        flow=FlowSeen(THREE, "established", 12, 888),
        template=TemplateSeen(THREE, 12, 1),
        stray=ONE,
    )
    found = explanation(ASKED, seen, plans.plan(replace(WEB, persistence=300)))
    candidates = found.pop("candidates")
    assert found == {
        "live": True,
        "client": "203.0.113.7",
        "client_port": 41000,
        "vip": VIP,
        "vip_port": 80,
        "protocol": "tcp",
        "verdict": "forwarded",
        "reason": f"the flow is known (established, last packet 12 s ago) and stays with {THREE}",
        "step": "flow",
        "real": str(THREE),
        "mac": mac(REALS[2]).hex(":"),
        "vlan": None,
        "service": {
            "name": "web",
            "matched": "tcp/80",
            "scheduler": "wlc",
            "flags": [],
            "rule": RULES[Scheduler.WLC],
            "persistence": 300,
            "sorry": None,
        },
        "flow": {"real": str(THREE), "state": "established", "idle": 12, "remaining": 888},
        "template": {"real": str(THREE), "idle": 12, "flows": 1},
        "scheduled": str(THREE),
        "stray": str(ONE),
    }
    assert candidates[1] == {
        "address": str(TWO),
        "weight": 1,
        "active": 2,
        "inactive": 10,
        "overhead": 522,
        "overloaded": False,
        "score": 522.0,
        "usable": True,
        "chosen": False,
        "why": "",
    }


def test_a_reason_for_each_way() -> None:
    assert reason(SEEN) == f"wlc chooses {THREE}: {RULES[Scheduler.WLC]}"
    assert reason(Sight(Step.NO_VIP)) == f"{VIP} is no VIP of this director: the packet is left to the host"
    assert reason(Sight(Step.NO_SERVICE)).startswith(f"no service has tcp/80 of {VIP}, only tcp/80, tcp/443: ")
    assert reason(replace(SEEN, mac=None)) == f"{THREE}, whose it is, has no known MAC: the packet is dropped"
    kept = replace(SEEN, step=Step.TEMPLATE, template=TemplateSeen(THREE, 5, 2))
    assert reason(kept).startswith(f"the client is persistent and has {THREE}: it began a flow 5 s ago, 2 of its")
    assert "its slot changed lately" in reason(replace(SEEN, step=Step.MOVED))
    assert "the flow table has no room" in reason(replace(SEEN, step=Step.FULL))
    sorry = replace(WEB, sorry=plans.real(SORRY))
    assert reason(replace(SEEN, real=ip_address(SORRY)), sorry).startswith("the sorry server serves")


def test_one_that_is_the_director_itself_leaves_the_packet_to_the_host() -> None:
    web = plans.changed(WEB, REALS[2], mac=None, local=True)
    seen = replace(SEEN, mac=None)
    assert explanation(ASKED, seen, plans.plan(web))["verdict"] == "local"
    assert reason(seen, web).endswith("that is this director itself, so the packet is left to the host, as it came")


def test_when_nobody_can_take_it_each_is_named_with_its_reason() -> None:
    web = replace(
        WEB, reals=(plans.real(REALS[0], 0), plans.real(REALS[1], up=False), plans.real(REALS[2], known=False))
    )
    seen = Sight(Step.SCHEDULED, "web", runners=(Runner(THREE, 0), Runner(TWO, 0), Runner(ONE, 0)))
    assert reason(seen, web) == (
        f"no real server of web can take it: {THREE} has no known MAC, {TWO} is down, "
        f"{ONE} has weight 0: no new connections; the packet is dropped in silence"
    )
    assert explanation(ASKED, seen, plans.plan(web))["verdict"] == "no_real"
    assert reason(Sight(Step.SCHEDULED, "web"), replace(WEB, reals=(), on_no_real=OnNoReal.UNREACHABLE)) == (
        "no real server of web can take it: it has none; the client is told so by ICMP"
    )


def test_the_segment_of_its_own_is_named() -> None:
    web = plans.changed(WEB, REALS[2], vlan=20)
    assert explanation(ASKED, SEEN, plans.plan(web))["vlan"] == 20


def test_when_ovf_has_filled_all_each_is_named() -> None:
    crowded = tuple(Runner(address, 1, active=2) for address in (THREE, TWO))
    web = plans.without(plans.service(Scheduler.OVF), REALS[0])
    assert reason(Sight(Step.SCHEDULED, "web", runners=crowded), web) == (
        f"no real server of web can take it: {THREE} has more active connections than it weighs, "
        f"{TWO} has more active connections than it weighs; the packet is dropped in silence"
    )


def test_why_not() -> None:
    full = plans.changed(WEB, REALS[0], upper=4)
    assert whys(replace(SEEN, runners=(Runner(ONE, 1, 4, overloaded=True),)), full) == [
        "has reached its upper threshold, 4, and is not below three quarters of 4 yet"
    ]
    assert whys(SEEN, replace(WEB, sorry=plans.real(SORRY))) == ["waits while the sorry server serves"] * 3
    assert whys(replace(SEEN, runners=(Runner(ONE, 1, 2),)), plans.service(Scheduler.OVF)) == [
        "has more active connections than it weighs"
    ]
    assert whys(replace(SEEN, runners=(Runner(ip_address(SORRY), 0),)), WEB) == ["is in the service no more"]


def test_what_is_known_of_its_health_is_said() -> None:
    web = plans.changed(WEB, REALS[0], up=False)
    found = explanation(ASKED, SEEN, plans.plan(web), lambda service, real: f"{service} {real} refuses")
    assert found["candidates"][2]["why"] == f"web {ONE} refuses"


def test_without_a_network_macs_are_nobodys_business() -> None:
    found = explanation(ASKED, SEEN, plans.plan(WEB), live=False)
    assert (found["verdict"], found["mac"], found["live"]) == ("forwarded", None, False)


def test_the_narrowest_ports_match() -> None:
    wide, narrow = Ports(Protocol.TCP, 0, 65535), Ports(Protocol.TCP, 80, 89)
    assert matched(ASKED, plans.service(ports=(wide, narrow))) == narrow
    assert matched(ASKED, plans.service(ports=(plans.DNS,))) is None
