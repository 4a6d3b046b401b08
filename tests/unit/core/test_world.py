"""The world: facts go in, plans and findings come out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface
from typing import cast

import pytest

from carom.core.plan import Plan, RealPlan
from carom.core.world import World, begin, findings, obstacle, plan, step
from carom.events import ConfigLoaded, ConfigRefused, Fact, InterfaceChanged, NeighbourLost, NeighbourResolved
from carom.model import Config, Director, OnDown, Ports, Protocol, Real, Scheduler, SchedulerFlag, Service

VIP, ONE, TWO, SORRY = (ip_address(f"192.168.76.{host}") for host in (24, 31, 32, 99))
MAC1, MAC2, OWN = bytes.fromhex("020000000031"), bytes.fromhex("020000000032"), bytes.fromhex("020000000001")
HTTP = (Ports(Protocol.TCP, 80, 80),)
WEB = Service("web", VIP, HTTP, (Real(ONE), Real(TWO, weight=2)))
CONFIG = Config(Director("eth0"), (WEB,))


def nic(*addresses: str, up: bool = True, mac: bytes | None = OWN) -> InterfaceChanged:
    return InterfaceChanged(up, mac, tuple(map(ip_interface, addresses)))


def after(*facts: Fact, config: Config = CONFIG, now: float = 0.0) -> World:
    return step(begin(config), facts, now)


def with_service(**changes: object) -> Config:
    service = cast("Callable[..., Service]", replace)(WEB, **changes)
    return Config(Director("eth0"), (service,))


def reals(world: World) -> tuple[RealPlan, ...]:
    return plan(world).services[0].reals


def test_a_service_is_planned_whole() -> None:
    config = with_service(
        scheduler=Scheduler.MH,
        scheduler_flags=frozenset({SchedulerFlag.MH_PORT}),
        on_down=OnDown.MOVE,
        persistence=0.5,
        persistence_mask=24,
        reals=(Real(ONE, weight=3, upper=10, lower=5),),
    )
    [service] = plan(after(NeighbourResolved(ONE, MAC1), config=config)).services
    assert service.name == "web"
    assert service.vip == VIP
    assert service.ports == HTTP
    assert service.scheduler is Scheduler.MH
    assert service.scheduler_flags == {SchedulerFlag.MH_PORT}
    assert service.on_down is OnDown.MOVE
    assert service.persistence == 1, "half a second of persistence is not none"
    assert service.persistence_mask == 24
    assert service.sorry is None
    assert service.reals == (RealPlan(ONE, weight=3, mac=MAC1, up=True, upper=10, lower=5),)


@pytest.mark.parametrize(("vip", "mask"), [("192.168.76.24", 32), ("fd00::24", 128)])
def test_without_a_mask_every_client_is_its_own(vip: str, mask: int) -> None:
    assert plan(begin(with_service(vip=ip_address(vip)))).services[0].persistence_mask == mask


def test_a_real_server_is_schedulable_once_its_mac_is_known() -> None:
    world = begin(CONFIG)
    assert [real.schedulable for real in reals(world)] == [False, False]
    world = step(world, [NeighbourResolved(TWO, MAC2)], 1.0)
    assert [real.schedulable for real in reals(world)] == [False, True]


def test_a_real_server_that_answers_no_more_is_down_and_keeps_its_last_mac_for_its_flows() -> None:
    one, _ = reals(after(NeighbourResolved(ONE, MAC1), NeighbourLost(ONE)))
    assert (one.mac, one.up, one.schedulable) == (MAC1, False, False)


def test_a_real_server_that_answers_again_is_up_from_the_mac_it_answers_from() -> None:
    one, _ = reals(after(NeighbourResolved(ONE, MAC1), NeighbourLost(ONE), NeighbourResolved(ONE, MAC2)))
    assert (one.mac, one.up) == (MAC2, True)


def test_a_mac_that_moves_is_followed() -> None:
    one, _ = reals(after(NeighbourResolved(ONE, MAC1), NeighbourResolved(ONE, MAC2)))
    assert one.mac == MAC2


@pytest.mark.parametrize(
    "nothing_new",
    [
        [],
        [NeighbourResolved(ONE, MAC1)],
        [NeighbourLost(TWO)],
        [NeighbourResolved(SORRY, MAC2)],
        [nic("192.168.76.1/24")],
        [ConfigLoaded(CONFIG)],
        [ConfigLoaded(Config(Director("eth0"), (replace(WEB),)))],
    ],
    ids=["nothing", "same MAC", "lost before found", "not ours", "same NIC", "same file", "equal file"],
)
def test_facts_that_change_nothing_leave_the_very_same_world(nothing_new: list[Fact]) -> None:
    world = after(nic("192.168.76.1/24"), NeighbourResolved(ONE, MAC1))
    assert step(world, nothing_new, 9.0) is world


def test_a_batch_is_heard_in_its_order() -> None:
    lost_then_found: list[Fact] = [NeighbourResolved(ONE, MAC1), NeighbourLost(ONE), NeighbourResolved(ONE, MAC2)]
    one_by_one = begin(CONFIG)
    for fact in lost_then_found:
        one_by_one = step(one_by_one, [fact], 0.0)
    assert step(begin(CONFIG), lost_then_found, 0.0) == one_by_one


def test_an_alien_fact_is_refused_and_changes_nothing() -> None:
    world = after(NeighbourResolved(ONE, MAC1))
    before = replace(world)
    with pytest.raises(AssertionError):
        step(world, [NeighbourLost(ONE), cast("Fact", "no fact")], 1.0)
    assert world == before


def test_a_new_configuration_keeps_what_is_known_of_those_that_stay_and_forgets_the_others() -> None:
    world = after(NeighbourResolved(ONE, MAC1), NeighbourResolved(TWO, MAC2))
    world = step(world, [ConfigLoaded(with_service(reals=(Real(TWO),), sorry=SORRY))], 1.0)
    assert world.watched == {TWO, SORRY}
    assert set(world.neighbours) == {TWO}


def test_word_of_a_real_server_dropped_in_the_same_breath_is_dropped_too() -> None:
    world = after(NeighbourResolved(ONE, MAC1), ConfigLoaded(with_service(reals=(Real(TWO),))))
    assert world.neighbours == {}


def test_a_refused_file_is_a_finding_until_a_sound_one_comes() -> None:
    fault = "carom.toml:3: service[0].vip: not an address"
    world = after(NeighbourResolved(ONE, MAC1), NeighbourResolved(TWO, MAC2), ConfigRefused((fault,)))
    [finding] = findings(world, 0.0)
    assert fault in finding
    assert plan(world) == plan(step(world, [ConfigLoaded(CONFIG)], 1.0)), "what ran before runs on"
    assert list(findings(step(world, [ConfigLoaded(CONFIG)], 1.0), 1.0)) == []


@pytest.mark.parametrize(
    ("minimum", "found", "serves"),
    [
        (1, [], True),
        (1, [NeighbourResolved(ONE, MAC1)], False),
        (2, [NeighbourResolved(ONE, MAC1)], True),
        (2, [NeighbourResolved(ONE, MAC1), NeighbourResolved(TWO, MAC2)], False),
    ],
)
def test_the_sorry_server_serves_while_too_few_are_up(minimum: int, found: list[Fact], *, serves: bool) -> None:
    world = after(NeighbourResolved(SORRY, OWN), *found, config=with_service(sorry=SORRY, minimum=minimum))
    sorry = plan(world).services[0].sorry
    assert sorry == (RealPlan(SORRY, weight=1, mac=OWN) if serves else None)


def test_quiesced_real_servers_are_not_enough() -> None:
    config = with_service(sorry=SORRY, reals=(Real(ONE, weight=0),))
    assert plan(after(NeighbourResolved(ONE, MAC1), config=config)).services[0].sorry is not None


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ([NeighbourResolved(ONE, MAC1)], ""),
        ([], "no answer to ARP on eth0"),
        ([nic("192.168.76.1/24")], "no answer to ARP on eth0"),
        ([nic("192.168.76.31/24")], "it is the director's own address"),
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
    assert obstacle(after(*facts), ONE, 0.0) == why


def test_how_long_a_real_server_has_been_silent() -> None:
    world = step(after(NeighbourResolved(ONE, MAC1)), [NeighbourLost(ONE)], 100.0)
    world = step(world, [NeighbourLost(ONE)], 110.0)
    assert obstacle(world, ONE, 112.4) == "no answer to ARP on eth0 for 12 s"


def test_an_ipv6_real_server_is_asked_by_neighbour_solicitation() -> None:
    assert obstacle(begin(CONFIG), ip_address("fd00::31"), 0.0) == "no answer to neighbour solicitation on eth0"


@pytest.mark.parametrize(
    ("state", "words"),
    [(nic("192.168.76.1/24", up=False), "eth0 is down"), (nic(up=False, mac=None), "eth0 is gone")],
)
def test_a_nic_that_does_not_work_is_a_finding(state: InterfaceChanged, words: str) -> None:
    found = list(findings(after(NeighbourResolved(ONE, MAC1), NeighbourResolved(TWO, MAC2), state), 0.0))
    assert len(found) == 1
    assert words in found[0]


def test_every_real_server_without_connections_is_a_finding_by_service_and_address() -> None:
    config = Config(Director("eth0"), (WEB, replace(WEB, name="dns", reals=(Real(TWO),), sorry=SORRY)))
    assert list(findings(after(NeighbourResolved(ONE, MAC1), config=config), 0.0)) == [
        "web: 192.168.76.32 gets no connections: no answer to ARP on eth0",
        "dns: 192.168.76.32 gets no connections: no answer to ARP on eth0",
        "dns: the sorry server 192.168.76.99 could not serve: no answer to ARP on eth0",
    ]


def test_a_director_without_services_does_nothing_well() -> None:
    world = after(config=Config(Director("eth0")))
    assert plan(world) == Plan()
    assert list(findings(world, 0.0)) == []


def test_own_addresses_of_both_families_are_kept_as_told() -> None:
    told = nic("192.168.76.1/24", "fd00::1/64")
    world = after(told)
    assert world.nic == told
    assert [type(address) for address in told.addresses] == [IPv4Interface, IPv6Interface]
    assert world.mac == OWN
