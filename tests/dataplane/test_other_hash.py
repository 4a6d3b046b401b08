"""A service leaves the hash by which its clients were found without entries: whoever runs stays where it is.

From `mh`, `sh` or `dh` to a scheduler that counts, to another hash, or to one that keeps its clients.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from carom.core.explain import Question, Step
from carom.core.plan import ServicePlan
from carom.dataplane.fake.walk import End
from carom.model import OnDown, Protocol, Scheduler, SchedulerFlag
from tests.dataplane import plans
from tests.dataplane.frames import tcp, udp
from tests.dataplane.planes import PlaneUnderTest
from tests.dataplane.plans import REALS, VIP, VIP6

CLIENTS = range(1, 41)
PORT_HASHED = frozenset({SchedulerFlag.MH_PORT})


def service(scheduler: Scheduler, vip: str = VIP) -> ServicePlan:
    return plans.service(scheduler, vip=vip, ports=(plans.HTTP, plans.DNS))


def client(number: int, vip: str) -> str:
    return f"[2001:db8:{number:x}::1]:1025" if ":" in vip else f"10.0.{number}.1:1025"


def send(plane: PlaneUnderTest, kind: str, clients: range = CLIENTS, vip: str = VIP) -> list[bytes]:
    """To which MAC each client's packet goes: a datagram ("udp"), or a segment with these flags."""
    target = f"[{vip}]" if ":" in vip else vip
    ends: list[End] = []
    for number in clients:
        source = client(number, vip)
        ends.append(plane.send(udp(source, f"{target}:53") if kind == "udp" else tcp(source, f"{target}:80", kind)))
    assert {end.reason for end in ends} == {"forwarded"}
    return [end.frame[:6] for end in ends]


@pytest.mark.parametrize("before", [Scheduler.MH, Scheduler.SH])
@pytest.mark.parametrize(
    "after",
    [
        service(Scheduler.WLC),
        service(Scheduler.RR),
        service(Scheduler.DH),
        replace(service(Scheduler.MH), persistence=300),
        replace(service(Scheduler.MH), scheduler_flags=PORT_HASHED),
    ],
    ids=lambda wish: str(wish.scheduler),
)
def test_connections_that_run_stay_where_they_are(plane: PlaneUnderTest, before: Scheduler, after: ServicePlan) -> None:
    plane.at(1000)
    plane.apply(plans.plan(service(before)))
    connected, asking = send(plane, "S"), send(plane, "udp")
    assert len(set(connected)) == 3
    plane.apply(plans.plan(after))
    assert (send(plane, "A"), send(plane, "udp")) == (connected, asking)
    plane.at(1600)
    assert send(plane, "A") == connected, "they have entries by now"
    real = {real.address: real for real in plane.read().reals}
    assert sum(one.active for one in real.values()) == len(CLIENTS), "and are counted"


def test_whoever_connects_afterwards_is_scheduled_anew(plane: PlaneUnderTest) -> None:
    plane.at(1000)
    plane.apply(plans.plan(service(Scheduler.SH)))
    plane.apply(plans.plan(service(Scheduler.RR)))
    sent = send(plane, "S")
    assert {sent.count(plans.mac(real)) for real in REALS} == {13, 14}
    assert send(plane, "A") == sent


def test_ip6_too(plane: PlaneUnderTest) -> None:
    plane.at(1000)
    plane.apply(plans.plan(service(Scheduler.MH, VIP6)))
    before = send(plane, "S", vip=VIP6), send(plane, "udp", vip=VIP6)
    plane.apply(plans.plan(service(Scheduler.WLC, VIP6)))
    assert (send(plane, "A", vip=VIP6), send(plane, "udp", vip=VIP6)) == before


def test_it_lasts_over_further_changes_and_as_long_as_flows_live(plane: PlaneUnderTest) -> None:
    plane.at(1000)
    plane.apply(plans.plan(service(Scheduler.MH)))
    asking = send(plane, "udp")
    plane.apply(plans.plan(service(Scheduler.RR)))
    plane.at(1250)
    plane.apply(plans.plan(plans.changed(service(Scheduler.RR), REALS[0], weight=3)))
    early, late = range(1, 21), range(21, 41)
    assert send(plane, "udp", early) == asking[:20]
    plane.at(1301)
    again = send(plane, "udp", late)
    assert sorted(again.count(plans.mac(real)) for real in REALS) == [6, 7, 7], (
        "by turns: they have been silent too long"
    )
    assert send(plane, "udp", early) == asking[:20]


def test_who_is_down_and_moves_is_left(plane: PlaneUnderTest) -> None:
    plane.at(1000)
    wish = replace(service(Scheduler.MH), on_down=OnDown.MOVE)
    plane.apply(plans.plan(wish))
    connected = send(plane, "S")
    plane.apply(plans.plan(plans.changed(replace(wish, scheduler=Scheduler.WLC), REALS[0], up=False)))
    stay = [number for number, mac in zip(CLIENTS, connected, strict=True) if mac != plans.mac(REALS[0])]
    for number in stay:
        assert send(plane, "A", range(number, number + 1)) == [connected[number - 1]]
    moved = next(number for number in CLIENTS if number not in stay)
    assert plane.send(tcp(client(moved, VIP), f"{VIP}:80", "A")).reason == "stray"


def test_explain_knows_of_datagrams(plane: PlaneUnderTest) -> None:
    plane.at(1000)
    plane.apply(plans.plan(service(Scheduler.MH)))
    plane.apply(plans.plan(service(Scheduler.RR)))
    question = Question(ip_address("10.0.7.1"), 1025, ip_address(VIP), 53, Protocol.UDP)
    sight = plane.explain(question)
    assert sight.step is Step.MOVED
    assert sight.mac == send(plane, "udp", range(7, 8))[0]


# ---- a slot that changes, under the same hash


def test_datagrams_leave_a_server_that_is_down_or_gone_at_once(plane: PlaneUnderTest) -> None:
    """Nobody knows whether they begin something, and there they would be lost; segments of connections may finish."""
    plane.at(1000)
    wish = service(Scheduler.MH)
    plane.apply(plans.plan(wish))
    connected, asking = send(plane, "S"), send(plane, "udp")
    first = plans.mac(REALS[0])
    assert first in asking
    plane.apply(plans.plan(plans.changed(wish, REALS[0], up=False)))
    assert send(plane, "A") == connected
    answered = send(plane, "udp")
    assert first not in answered
    assert [mac for mac in asking if mac != first] == [
        mac for mac, old in zip(answered, asking, strict=True) if old != first
    ]
    plane.apply(plans.plan(plans.without(wish, REALS[0])))
    assert first not in send(plane, "udp", range(41, 81))


def test_datagrams_of_a_quiesced_server_stay_as_long_as_their_flows_may_be_silent(plane: PlaneUnderTest) -> None:
    plane.at(1000)
    wish = service(Scheduler.MH)
    plane.apply(plans.plan(wish))
    asking = send(plane, "udp")
    plane.apply(plans.plan(plans.changed(wish, REALS[0], weight=0)))
    plane.at(1300)
    early, late = range(1, 21), range(21, 41)
    assert send(plane, "udp", early) == asking[:20]
    plane.at(1301)
    assert send(plane, "udp", early) == asking[:20], "they have entries"
    for number in late:
        end = plane.send(udp(client(number, VIP), f"{VIP}:53"))
        was = asking[number - 1]
        assert end.reason == ("no_real" if was == plans.mac(REALS[0]) else "forwarded"), "as in IPVS"
