"""What is found in a world, and in which words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address

import pytest

from carom.core.findings import findings, obstacle, sentence
from carom.core.planning import plan
from carom.core.world import World, begin, step
from carom.events import (
    ConfigLoaded,
    ConfigRefused,
    DataPlaneDisturbed,
    Fact,
    InterfaceChanged,
    NeighbourLost,
    NeighbourResolved,
    Overridden,
    Override,
)
from carom.finding import Verdict
from carom.model import Config, Director, Real
from carom.sighting import Sighting, Sign, VipSighted, VipSightingEnded
from tests.unit.core.stories import (
    CHECKED,
    CONFIG,
    FOUND,
    MAC1,
    ONE,
    OWN,
    SORRY,
    TWO,
    VIP,
    WEB,
    after,
    at_work,
    fallen,
    nic,
    unwell,
    well,
)


def sentences(world: World, verdict: Verdict = Verdict.FAULT, now: float = 0.0) -> list[str]:
    return [sentence(found) for found in findings(world, now) if found.verdict is verdict]


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ([NeighbourResolved(ONE, MAC1)], ""),
        ([], "no answer to ARP on eth0"),
        ([nic("192.168.76.1/24")], "no answer to ARP on eth0"),
        ([nic("192.168.76.31/24")], ""),
        (
            [nic("10.0.0.1/8", "fd00::1/64")],
            "it is not in eth0's networks (10.0.0.0/8): direct routing needs it on the same segment",
        ),
        (
            [nic("fd00::1/64")],
            "it is not in eth0's networks (no IPv4 address): direct routing needs it on the same segment",
        ),
        ([nic("10.0.0.1/8"), NeighbourResolved(ONE, MAC1)], ""),
    ],
    ids=["answers", "silent", "silent on its segment", "the director", "elsewhere", "no such family", "answers anyway"],
)
def test_what_keeps_a_real_server_from_its_connections(facts: list[Fact], why: str) -> None:
    assert obstacle(after(*facts), "web", ONE, 0.0) == why


def test_one_on_a_vlan_is_asked_for_there() -> None:
    """Of the addresses there nobody has told, so none is missed."""
    tagged = replace(WEB, reals=(Real(ONE, vlan=20), Real(TWO)))
    world = after(nic("10.0.0.1/8"), config=replace(CONFIG, services=(tagged,)))
    assert obstacle(world, "web", ONE, 0.0) == "no answer to ARP on eth0.20"
    assert obstacle(world, "web", TWO, 0.0).startswith("it is not in eth0's networks")
    lost = step(step(world, [NeighbourResolved(ONE, MAC1)], 0.0), [NeighbourLost(ONE)], 100.0)
    assert obstacle(lost, "web", ONE, 103.0) == "no answer to ARP on eth0.20 for 3 s"


def test_how_long_a_real_server_has_been_silent() -> None:
    world = step(after(NeighbourResolved(ONE, MAC1)), [NeighbourLost(ONE)], 100.0)
    world = step(world, [NeighbourLost(ONE)], 110.0)
    assert obstacle(world, "web", ONE, 112.4) == "no answer to ARP on eth0 for 12 s"


def test_an_ipv6_real_server_is_asked_by_neighbour_solicitation() -> None:
    assert obstacle(begin(CONFIG), "web", ip_address("fd00::31"), 0.0) == "no answer to neighbour solicitation on eth0"


@pytest.mark.parametrize(
    ("state", "words"),
    [(nic("192.168.76.1/24", up=False), "eth0 is down"), (nic(up=False, mac=None), "eth0 is gone")],
)
def test_a_nic_that_does_not_work_is_a_finding(state: InterfaceChanged, words: str) -> None:
    [found] = sentences(after(*FOUND, state))
    assert words in found


def test_every_real_server_without_connections_is_a_finding_by_service_and_address() -> None:
    config = Config(Director("eth0"), (WEB, replace(WEB, name="dns", reals=(Real(TWO),), sorry=SORRY)))
    assert sentences(after(NeighbourResolved(ONE, MAC1), config=config)) == [
        "web: 192.168.76.32 gets no connections: no answer to ARP on eth0",
        "dns: 192.168.76.32 gets no connections: no answer to ARP on eth0",
        "dns: the sorry server 192.168.76.99 could not serve: no answer to ARP on eth0",
    ]


def test_a_refused_file_is_a_finding_until_a_sound_one_comes() -> None:
    fault = "carom.toml:3: service[0].vip: not an address"
    world = after(*FOUND, ConfigRefused((fault,)))
    [found] = sentences(world)
    assert fault in found
    assert plan(world) == plan(step(world, [ConfigLoaded(CONFIG)], 1.0)), "what ran before runs on"
    assert sentences(step(world, [ConfigLoaded(CONFIG)], 1.0)) == []


def test_nothing_is_found_where_all_is_well() -> None:
    assert list(findings(after(config=Config(Director("eth0"))), 0.0)) == []
    assert list(findings(at_work(), 10.0)) == []


def test_who_misuses_a_vip_is_a_finding_until_it_is_over() -> None:
    leak = Sighting(VIP, MAC1, Sign.ANSWERED)
    world = step(at_work(), [VipSighted(leak)], 11.0)
    [found] = findings(world, 11.0)
    assert (found.name, found.verdict, found.server) == ("arp-ignore", Verdict.FAULT, str(ONE))
    assert sentence(found).startswith(f"{VIP}: {ONE} (02:00:00:00:00:31) answers who has {VIP}: ")
    assert list(findings(step(world, [VipSightingEnded(leak)], 50.0), 50.0)) == []


def test_a_vip_that_is_ours_no_more_may_be_anybodys() -> None:
    world = step(at_work(), [VipSighted(Sighting(ip_address("192.168.76.25"), OWN, Sign.ANSWERED))], 11.0)
    assert list(findings(world, 11.0)) == []


# ---- health ----


def test_a_real_server_that_is_down_says_since_when_why_and_what_to_do() -> None:
    [found] = findings(fallen(at_work()), 32.0)
    assert sentence(found) == (
        "web: 192.168.76.31 gets no connections: down for 12 s, server down: It answers neither the check nor a ping"
    )
    assert found.remedy == "See whether it runs."


def test_before_the_first_check_there_is_nothing_to_be_alarmed_about() -> None:
    world = after(*FOUND, config=CHECKED)
    assert obstacle(world, "web", ONE, 0.0) == "it has not been checked yet"
    assert list(findings(world, 0.0)) == []


def test_one_that_cannot_even_be_sent_to_says_that_instead() -> None:
    assert obstacle(after(config=CHECKED), "web", ONE, 0.0) == "no answer to ARP on eth0"


def test_while_it_rises_it_says_so() -> None:
    world = step(fallen(at_work()), [well(ONE)], 22.0)
    assert obstacle(world, "web", ONE, 22.0) == ("its checks have succeeded 1 times in a row, which is not enough yet")


def test_one_that_has_begun_to_fail_is_a_warning() -> None:
    world = step(at_work(), [unwell(ONE)], 12.0)
    assert sentences(world) == []
    assert sentences(world, Verdict.WARNING) == [
        "web: 192.168.76.31 fails its checks: It answers neither the check nor a ping."
    ]


def test_what_is_well_today_but_not_for_long_is_a_warning() -> None:
    world = step(at_work(), [well(ONE, warnings=("its certificate ends in 3 days",))], 12.0)
    assert sentences(world, Verdict.WARNING) == ["web: 192.168.76.31 is well, but: its certificate ends in 3 days"]


@pytest.mark.parametrize(
    ("world", "verdict", "words"),
    [
        (lambda: fallen(fallen(at_work()), TWO), Verdict.FAULT, "web: no real server takes connections"),
        (
            lambda: fallen(fallen(at_work(fail_open=True)), TWO),
            Verdict.FAULT,
            "web: all 2 real servers are used, though by their checks none is up (fail_open)",
        ),
        (
            lambda: step(fallen(at_work(sorry=SORRY, minimum=2)), [NeighbourResolved(SORRY, MAC1)], 21.0),
            Verdict.WARNING,
            "web: the sorry server 192.168.76.99 stands in: 1 of 2 real servers are up",
        ),
        (
            lambda: fallen(at_work(minimum=2)),
            Verdict.WARNING,
            "web: 1 of 2 real servers are up, fewer than its minimum of 2",
        ),
    ],
    ids=["down", "fail_open", "sorry", "minimum"],
)
def test_how_the_service_stands(world: Callable[[], World], verdict: Verdict, words: str) -> None:
    assert words in sentences(world(), verdict)


# ---- operators ----


def test_a_real_server_that_is_drained_is_no_fault() -> None:
    world = step(at_work(), [Overridden("web", ONE, Override(0, "root", 11.0, deadline=30.0))], 11.0)
    assert list(findings(world, 11.0)) == []
    world = step(world, [], 30.0)
    assert list(findings(world, 30.0)) == []
    assert obstacle(world, "web", ONE, 30.0) == "it was drained, and the deadline is over"


def test_a_disturbed_data_plane_is_a_finding() -> None:
    world = after(*FOUND, DataPlaneDisturbed("the program was taken off eth0"))
    assert sentences(world) == ["the data plane on eth0: the program was taken off eth0"]


def test_a_director_with_two_nics_is_told_of_both() -> None:
    two = Config(Director("eth0", inside="eth1"), (WEB,))
    inside = replace(nic("10.0.0.1/8", up=False), inside=True)
    world = after(nic("192.168.76.1/24"), inside, *FOUND, config=two)
    assert sentences(world) == ["eth1 is down: nothing reaches the real servers"]
    gone = step(world, [replace(nic(mac=None, up=False), inside=True)], 1.0)
    assert sentences(gone) == ["eth1 is gone: nothing reaches the real servers"]


def test_real_servers_are_looked_for_on_the_inside_nic() -> None:
    two = Config(Director("eth0", inside="eth1"), (WEB,))
    world = after(nic("192.168.76.1/24"), replace(nic("10.0.0.1/8"), inside=True), config=two)
    assert obstacle(world, "web", ONE, 0.0).startswith("it is not in eth1's networks (10.0.0.0/8)")


def test_a_peer_without_a_mac_is_worth_knowing() -> None:
    peered = Config(Director("eth0", peers=(SORRY,)), (WEB,))
    [told] = sentences(after(*FOUND, config=peered), Verdict.WARNING)
    assert told.startswith(f"the peer director {SORRY} is not known by its MAC")
    assert sentences(after(*FOUND, NeighbourResolved(SORRY, OWN), config=peered), Verdict.WARNING) == []
