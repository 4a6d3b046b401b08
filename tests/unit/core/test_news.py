"""News: what changed, told once."""

from __future__ import annotations

import ast
import inspect
from dataclasses import replace

import pytest

from carom.core import news as module
from carom.core.news import EVENTS, News, news
from carom.core.world import World, step
from carom.events import (
    ConfigLoaded,
    ConfigRefused,
    DataPlaneDisturbed,
    Emptied,
    Fact,
    NeighbourLost,
    NeighbourResolved,
    Overridden,
    Override,
)
from carom.model import Config, Director, Real
from carom.sighting import Sighting, Sign, VipSighted, VipSightingEnded
from tests.unit.core.stories import (
    CHECKED,
    FOUND,
    MAC1,
    ONE,
    TWO,
    VIP,
    after,
    at_work,
    fallen,
    nic,
    unwell,
    well,
    with_service,
)

STRANGER = bytes.fromhex("020000000099")
DRAIN = Override(0, "root", 11.0, deadline=60.0)


def test_every_event_that_is_told_is_in_the_list() -> None:
    tree = ast.parse(inspect.getsource(module))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    told = [call.args[0] for call in calls if call.func.id == "News"]  # type: ignore[attr-defined]
    assert {name.value for name in told if isinstance(name, ast.Constant)} == set(EVENTS)
    assert all(isinstance(name, ast.Constant) for name in told), "a name is written out, so that it can be searched for"


def heard(world: World, *facts: Fact, now: float = 30.0) -> list[tuple[str, object]]:
    """What is told of these facts: the event, and its most telling field."""
    told = news(world, step(world, facts, now), now)
    return [(item.event, list(item.fields.values())[-1] if item.fields else None) for item in told]


def test_nothing_is_told_of_what_changes_nothing_that_counts() -> None:
    assert heard(at_work(), well(ONE), unwell(TWO), NeighbourResolved(TWO, MAC1)) == []


def test_the_first_checks_are_no_news_unless_they_fail() -> None:
    beginning = after(*FOUND, config=CHECKED)
    assert heard(beginning, well(ONE), well(TWO)) == []
    assert [event for event, _ in heard(beginning, unwell(ONE), well(TWO))] == ["real server down"]


def test_whoever_disturbs_the_data_plane_is_grave_news_until_it_is_mended() -> None:
    world = at_work()
    disturbed = step(world, [DataPlaneDisturbed("the program was taken off eth0")], 20.0)
    fields = {"interface": "eth0", "why": "the program was taken off eth0"}
    assert list(news(world, disturbed, 20.0)) == [News("data plane disturbed", fields, grave=True)]
    assert heard(disturbed, DataPlaneDisturbed("the program was taken off eth0")) == []
    assert heard(disturbed, DataPlaneDisturbed("")) == [("data plane mended", "eth0")]


def test_a_real_server_that_goes_down_and_comes_up() -> None:
    world = at_work()
    down = fallen(world)
    [item] = news(world, down, 20.0)
    assert item == News(
        "real server down",
        {
            "service": "web",
            "real": "192.168.76.31",
            "verdict": "server_down",
            "why": "It answers neither the check nor a ping.",
            "remedy": "See whether it runs.",
        },
        grave=True,
    )
    assert heard(down, well(ONE), well(ONE)) == [("real server up", 10.0)]


def test_how_a_service_stands_is_told_when_it_changes() -> None:
    world = fallen(at_work())
    assert heard(world, *[unwell(TWO)] * 3) == [
        ("real server down", "See whether it runs."),
        ("service standing", "serving"),
    ]


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ([ConfigLoaded(with_service(CHECKED, minimum=2))], [("configuration loaded", 2)]),
        ([ConfigRefused(("a fault",))], [("configuration refused", ["a fault"])]),
        (
            [ConfigLoaded(with_service(CHECKED, reals=(Real(TWO, weight=2),)))],
            [("configuration loaded", 1), ("real server leaves", "192.168.76.31")],
        ),
        ([NeighbourLost(ONE)], [("neighbour lost", "192.168.76.31")]),
        ([Overridden("web", ONE, DRAIN)], [("weight overridden", "root")]),
        ([nic(up=False)], [("interface down", "02:00:00:00:00:01")]),
        ([nic(mac=None)], [("interface down", None)]),
        ([nic(mac=MAC1)], [("interface up", "02:00:00:00:00:31")]),
        ([replace(nic(up=False), inside=True)], []),
        ([nic("10.0.0.1/8")], []),
    ],
)
def test_what_is_told_of_a_fact(facts: list[Fact], told: list[tuple[str, object]]) -> None:
    assert heard(step(at_work(), [nic()], 11.0), *facts) == told


@pytest.mark.parametrize(
    ("mac", "sign", "real", "finding"),
    [(MAC1, Sign.ANSWERED, "192.168.76.31", "arp-ignore"), (STRANGER, Sign.ANSWERED, "", "foreign-claim")],
)
def test_who_misuses_a_vip_is_told_with_what_to_do_and_that_it_is_over(
    mac: bytes, sign: Sign, real: str, finding: str
) -> None:
    leak, before = Sighting(VIP, mac, sign), at_work()
    misused = step(before, [VipSighted(leak)], 11.0)
    [item] = news(before, misused, 11.0)
    assert (item.event, item.grave) == ("vip misused", True)
    assert {"vip": str(VIP), "mac": mac.hex(":"), "finding": finding, "real": real}.items() <= item.fields.items()
    assert item.fields["why"]
    assert item.fields["remedy"]
    assert list(news(misused, step(misused, [VipSighted(leak)], 12.0), 12.0)) == [], "it goes on"
    [item] = news(misused, step(misused, [VipSightingEnded(leak)], 50.0), 50.0)
    assert (item.event, item.grave, item.fields["real"]) == ("vip misuse ended", False, real)


def test_what_is_told_when_it_is_over() -> None:
    world = step(at_work(), [Overridden("web", ONE, DRAIN)], 11.0)
    assert heard(world, now=60.0) == [("drain deadline over", "192.168.76.31")]
    assert heard(world, Overridden("web", ONE, None)) == [("override ended", "192.168.76.31")]
    world = step(at_work(), [ConfigLoaded(with_service(CHECKED, reals=(Real(TWO, weight=2),)))], 30.0)
    assert heard(world, Emptied(frozenset({("web", ONE)}))) == [("real server left", "192.168.76.31")]
    assert heard(after(*FOUND, NeighbourLost(ONE)), NeighbourResolved(ONE, MAC1)) == [
        ("neighbour found", "02:00:00:00:00:31")
    ]


def test_the_inside_nic_is_told_of_by_its_name() -> None:
    world = after(replace(nic(), inside=True), config=Config(Director("eth0", inside="eth1")))
    [item] = news(world, step(world, [replace(nic(up=False), inside=True)], 1.0), 1.0)
    assert (item.event, item.fields["interface"]) == ("interface down", "eth1")
