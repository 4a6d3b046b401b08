"""What is explained is what happens: explain a connection, then send its first packet. On every data plane."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_address

import pytest

from carom.core.explain import Question, Runner, Sight, Step, question
from carom.core.plan import ServicePlan
from carom.dataplane.fake.walk import End, Verdict
from carom.model import OnDown, Ports, Protocol, Scheduler, SchedulerFlag
from tests.dataplane import plans
from tests.dataplane.frames import sctp, tcp, udp
from tests.dataplane.planes import Oracle, PlaneUnderTest, Xdp
from tests.dataplane.plans import DNS, HTTP, OTHER_VIP, REALS, REALS6, SIGNALS, SORRY, VIP, VIP6, mac

CLIENT = "203.0.113.7"


def asked(client: str, target: str = f"{VIP}:80/tcp") -> Question:
    return question(client, target)


def send(plane: PlaneUnderTest, about: Question) -> End:
    """The first packet of the connection that was asked about."""
    client, vip = (f"[{end}]" if end.version == 6 else str(end) for end in (about.client, about.vip))
    ends = f"{client}:{about.client_port}", f"{vip}:{about.vip_port}"
    firsts = {Protocol.TCP: lambda: tcp(*ends, "S"), Protocol.SCTP: lambda: sctp(*ends, "init")}
    return plane.send(firsts.get(about.protocol, lambda: udp(*ends))())


def happens(plane: PlaneUnderTest, about: Question) -> Sight:
    """Explained, and then so. Explaining is done twice: the first time has changed nothing."""
    seen = plane.explain(about)
    assert plane.explain(about) == seen
    end = send(plane, about)
    if seen.step is Step.NO_VIP:
        assert end.reason == "not_vip"
    elif seen.step is Step.NO_SERVICE:
        assert end.reason == "no_service"
    elif seen.real is None:
        assert (end.verdict, end.reason) == (Verdict.DROP, "no_real")
    elif seen.mac is None:
        assert end.reason in ("no_mac", "local")
    else:
        assert (end.verdict, end.frame[:6]) == (Verdict.TX, seen.mac)
        assert seen.mac == mac(str(seen.real))
    return seen


# ---- schedulers ----

FLAGS = {
    Scheduler.MH: (SchedulerFlag.MH_FALLBACK, SchedulerFlag.MH_PORT),
    Scheduler.SH: (SchedulerFlag.SH_FALLBACK, SchedulerFlag.SH_PORT),
}
CASES = [(scheduler, frozenset[SchedulerFlag]()) for scheduler in Scheduler if scheduler is not Scheduler.TWOS] + [
    (scheduler, frozenset(flags[:number])) for scheduler, flags in FLAGS.items() for number in (1, 2)
]


def mixed(scheduler: Scheduler, flags: frozenset[SchedulerFlag] = frozenset(), upper: int = 0) -> ServicePlan:
    """Three real servers of different weights, one of which has a threshold."""
    reals = (plans.real(REALS[0], 3), plans.real(REALS[1], 1), replace(plans.real(REALS[2], 2), upper=upper))
    return replace(plans.service(scheduler, *reals), scheduler_flags=flags)


def story(web: ServicePlan) -> Iterator[ServicePlan]:
    """What becomes of a service in the course of time."""
    yield web
    yield plans.changed(web, REALS[0], weight=0)
    yield plans.changed(web, REALS[1], up=False)
    yield plans.without(web, REALS[2])
    yield plans.changed(web, REALS[2], weight=7)
    yield replace(web, sorry=plans.real(SORRY))
    yield replace(web, reals=tuple(replace(real, up=False) for real in web.reals))
    yield web


@pytest.mark.parametrize("upper", [0, 4])
@pytest.mark.parametrize(("scheduler", "flags"), CASES)
def test_each_scheduler_does_what_was_explained(
    plane: PlaneUnderTest, scheduler: Scheduler, flags: frozenset[SchedulerFlag], upper: int
) -> None:
    play = random.Random(1)
    for number, web in enumerate(story(mixed(scheduler, flags, upper))):
        plane.apply(plans.plan(web))
        plane.at(1000 + number)
        for _ in range(12):
            client = f"203.0.113.{play.randrange(200)}:{play.randrange(1024, 60000)}"
            seen = happens(plane, asked(client))
            assert seen.service == "web"
            if play.random() < 0.5:
                plane.send(tcp(client, f"{VIP}:80", "A"))
            if play.random() < 0.3:
                plane.send(tcp(client, f"{VIP}:80", "R"))


def test_explaining_is_no_turn(plane: PlaneUnderTest) -> None:
    """A scheduler that remembers stands where it stood, however often it was asked."""
    plane.apply(plans.plan(plans.service(Scheduler.RR)))
    sent = []
    for port in range(1, 7):
        for _ in range(port):
            plane.explain(asked(f"{CLIENT}:{port}"))
        sent.append(send(plane, asked(f"{CLIENT}:{port}")).frame[:6])
    assert sent == [mac(address) for address in (REALS[2], REALS[1], REALS[0]) * 2]


def test_of_two_choices_one_is_named_that_can_be(plane: PlaneUnderTest) -> None:
    plane.apply(plans.plan(plans.changed(mixed(Scheduler.TWOS), REALS[1], weight=0)))
    chosen = {plane.explain(asked(f"{CLIENT}:{port}")).real for port in range(1, 40)}
    assert chosen == {ip_address(REALS[0]), ip_address(REALS[2])}


# ---- what is not the scheduler's ----


def test_a_flow_that_is_known_stays(plane: PlaneUnderTest) -> None:
    plane.apply(plans.plan(plans.service(Scheduler.RR)))
    first = happens(plane, asked(f"{CLIENT}:1"))
    plane.send(tcp(f"{CLIENT}:1", f"{VIP}:80", "A"))
    plane.at(1060)
    again = happens(plane, asked(f"{CLIENT}:1"))
    assert (first.step, again.step, again.real) == (Step.SCHEDULED, Step.FLOW, first.real)
    assert again.flow
    assert (again.flow.state, again.flow.idle, again.flow.remaining) == ("established", 60, 840)
    assert again.scheduled != first.real, "somebody else would be next"


def test_a_flow_whose_real_server_went_down_moves_if_it_shall(plane: PlaneUnderTest) -> None:
    web = plans.service(Scheduler.RR, on_down=OnDown.MOVE)
    plane.apply(plans.plan(web))
    first = happens(plane, asked(f"{CLIENT}:1"))
    plane.apply(plans.plan(plans.changed(web, str(first.real), up=False)))
    assert happens(plane, asked(f"{CLIENT}:1")).real != first.real


def test_one_that_has_ended_begins_anew(plane: PlaneUnderTest) -> None:
    plane.apply(plans.plan(plans.service(Scheduler.RR)))
    happens(plane, asked(f"{CLIENT}:1"))
    plane.at(1061)
    again = happens(plane, asked(f"{CLIENT}:1"))
    assert (again.step, again.flow) == (Step.SCHEDULED, None)


def test_a_persistent_client_stays_even_with_one_that_is_quiesced(plane: PlaneUnderTest) -> None:
    web = replace(plans.service(Scheduler.RR), persistence=300)
    plane.apply(plans.plan(web))
    first = happens(plane, asked(f"{CLIENT}:1"))
    plane.apply(plans.plan(plans.changed(web, str(first.real), weight=0)))
    plane.at(1010)
    kept = happens(plane, asked(f"{CLIENT}:2"))
    assert (kept.step, kept.real) == (Step.TEMPLATE, first.real)
    assert kept.template
    assert (kept.template.idle, kept.template.flows) == (10, 1)
    plane.apply(plans.plan(plans.changed(web, str(first.real), up=False)))
    lost = happens(plane, asked(f"{CLIENT}:3"))
    assert lost.step is Step.SCHEDULED
    assert lost.template, "it is there, though it serves nobody"


def test_the_sorry_server_alone_is_chosen_while_it_serves(plane: PlaneUnderTest) -> None:
    plane.apply(plans.plan(replace(mixed(Scheduler.WLC), sorry=plans.real(SORRY))))
    seen = happens(plane, asked(f"{CLIENT}:1"))
    assert seen.real == ip_address(SORRY)
    assert [runner.address for runner in seen.runners if runner.usable] == [ip_address(SORRY)]


def test_ports_groups_and_ranges_find_their_service(plane: PlaneUnderTest) -> None:
    narrow, wide = Ports(Protocol.TCP, 8000, 8999), Ports(Protocol.TCP, 0, 65535)
    plane.apply(
        plans.plan(
            plans.service(name="web", ports=(HTTP,)),
            plans.service(name="apps", ports=(narrow,)),
            plans.service(name="rest", ports=(wide,)),
            plans.service(name="dns", vip=OTHER_VIP, ports=(DNS,)),
        )
    )
    targets = {
        f"{VIP}:80/tcp": "web",
        f"{VIP}:8500/tcp": "apps",
        f"{VIP}:9000/tcp": "rest",
        f"{OTHER_VIP}:53/udp": "dns",
        f"{OTHER_VIP}:53/tcp": None,
        f"{VIP}:53/udp": None,
        "192.168.76.99:80/tcp": None,
    }
    for target, service in targets.items():
        assert happens(plane, asked(f"{CLIENT}:1", target)).service == service
    assert plane.explain(asked(f"{CLIENT}:1", "192.168.76.99:80/tcp")).step is Step.NO_VIP


def test_ip6(plane: PlaneUnderTest) -> None:
    web = replace(plans.service(Scheduler.WRR, vip=VIP6), persistence=60, persistence_mask=64)
    plane.apply(plans.plan(web))
    first = happens(plane, asked("[2001:db8:9::1]:1", f"[{VIP6}]:443/tcp"))
    assert str(first.real) in REALS6
    second = happens(plane, asked("[2001:db8:9::2]:1", f"[{VIP6}]:80/tcp"))
    assert (second.step, second.real) == (Step.TEMPLATE, first.real), "one network is one client"
    third = happens(plane, asked("[2001:db8:9::2]:1", f"[{VIP6}]:80/tcp"))
    assert third.step is Step.FLOW


def test_one_packet_at_a_time(plane: PlaneUnderTest) -> None:
    dns = replace(plans.service(Scheduler.RR, ports=(DNS,)), one_packet=True)
    plane.apply(plans.plan(dns))
    seen = [happens(plane, asked(f"{CLIENT}:1", f"{VIP}:53/udp")) for _ in range(3)]
    assert {one.step for one in seen} == {Step.SCHEDULED}
    assert len({one.real for one in seen}) == 3


def test_an_association(plane: PlaneUnderTest) -> None:
    plane.apply(plans.plan(plans.service(ports=(HTTP, SIGNALS))))
    about = asked(f"{CLIENT}:1", f"{VIP}:2905/sctp")
    first, again = happens(plane, about), happens(plane, about)
    assert (first.step, again.step, again.real) == (Step.SCHEDULED, Step.FLOW, first.real)
    assert again.flow
    assert (again.flow.state, again.flow.remaining) == ("sctp-init1", 4)
    assert happens(plane, asked(f"{CLIENT}:1", f"{VIP}:80/sctp")).step is Step.NO_SERVICE


def test_a_slot_that_changed_keeps_old_flows(plane: PlaneUnderTest) -> None:
    dns = plans.service(Scheduler.MH, ports=(DNS, HTTP))
    plane.apply(plans.plan(dns))
    before = {port: plane.explain(asked(f"203.0.113.{port}:1", f"{VIP}:53/udp")).real for port in range(1, 40)}
    plane.apply(plans.plan(plans.changed(dns, REALS[0], weight=0)))
    steps = set()
    for port, real in before.items():
        seen = happens(plane, asked(f"203.0.113.{port}:1", f"{VIP}:53/udp"))
        steps.add(seen.step)
        assert seen.real == real, "a datagram may be of an old flow"
        connection = happens(plane, asked(f"203.0.113.{port}:1"))
        assert connection.real != ip_address(REALS[0])
    assert steps == {Step.SLOT, Step.MOVED}


def test_runners_are_as_the_scheduler_sees_them(plane: PlaneUnderTest) -> None:
    web = plans.changed(mixed(Scheduler.WLC, upper=1), REALS[1], weight=0)
    plane.apply(plans.plan(web))
    happens(plane, asked(f"{CLIENT}:1"))
    happens(plane, asked(f"{CLIENT}:2"))
    seen = plane.explain(asked(f"{CLIENT}:3"))
    assert seen.runners == (
        Runner(ip_address(REALS[2]), 2, 1, 0, overloaded=True),
        Runner(ip_address(REALS[1]), 0),
        Runner(ip_address(REALS[0]), 3, 1, 0),
    )


def test_one_that_is_the_director_itself_gets_it_as_it_came(plane: PlaneUnderTest) -> None:
    web = plans.service(Scheduler.RR, replace(plans.real(REALS[0], known=False), local=True))
    plane.apply(plans.plan(web))
    seen = plane.explain(asked(f"{CLIENT}:1"))
    assert (seen.real, seen.mac) == (ip_address(REALS[0]), None)
    assert send(plane, asked(f"{CLIENT}:1")).reason == "local"


# ---- agreement ----


@pytest.mark.parametrize(("scheduler", "flags"), CASES)
def test_the_program_and_the_oracle_see_the_same(
    oracle: Oracle, xdp: Xdp, scheduler: Scheduler, flags: frozenset[SchedulerFlag]
) -> None:
    play = random.Random(2)
    wishes: list[Callable[[ServicePlan], ServicePlan]] = [
        lambda web: web,
        lambda web: replace(web, persistence=120, persistence_mask=28),
    ]
    seconds = iter(range(2000, 10_000, 40))
    for wish in wishes:
        for web in story(wish(mixed(scheduler, flags, 5))):
            now = next(seconds)
            for plane in (oracle, xdp):
                plane.apply(plans.plan(web))
                plane.at(now)
            for _ in range(10):
                about = asked(f"203.0.113.{play.randrange(60)}:{play.randrange(1, 4)}")
                assert xdp.explain(about) == oracle.explain(about)
                for plane in (oracle, xdp):
                    send(plane, about)
