"""A flow's life as a story: what it meets while plans change, segments come in odd orders, and time passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from operator import attrgetter

import pytest

from carom.core.plan import ServicePlan
from carom.core.slots import HASHED
from carom.model import OnDown, Scheduler
from tests.dataplane import plans
from tests.dataplane.frames import tcp, udp
from tests.dataplane.planes import PlaneUnderTest
from tests.dataplane.plans import REALS, REALS6, VIP, VIP6, mac

NEW = "192.168.76.37"


@dataclass(frozen=True)
class Kind:
    """One kind of flow: its service's VIP and scheduler, its first packet and one of the later ones."""

    name: str
    vip: str
    scheduler: Scheduler
    first: bytes
    later: bytes

    @property
    def service(self) -> ServicePlan:
        ports = (plans.DNS,) if "udp" in self.name else (plans.HTTP, plans.HTTPS)
        return plans.service(self.scheduler, vip=self.vip, ports=ports)

    def macs(self) -> list[bytes]:
        return [mac(address) for address in (REALS6 if self.vip == VIP6 else REALS)]


CLIENT4, CLIENT6 = "10.0.0.1:1025", "[2001:db8::1]:1025"
TCP4 = tcp(CLIENT4, f"{VIP}:80", "S"), tcp(CLIENT4, f"{VIP}:80", "A")
TCP6 = tcp(CLIENT6, f"[{VIP6}]:80", "S"), tcp(CLIENT6, f"[{VIP6}]:80", "A")
UDP4 = udp(CLIENT4, f"{VIP}:53"), udp(CLIENT4, f"{VIP}:53", b"more")
UDP6 = udp(CLIENT6, f"[{VIP6}]:53"), udp(CLIENT6, f"[{VIP6}]:53", b"more")
KINDS = [
    Kind("tcp4 wlc", VIP, Scheduler.WLC, *TCP4),
    Kind("tcp4 rr", VIP, Scheduler.RR, *TCP4),
    Kind("tcp4 mh", VIP, Scheduler.MH, *TCP4),
    Kind("tcp4 sh", VIP, Scheduler.SH, *TCP4),
    Kind("tcp6 wlc", VIP6, Scheduler.WLC, *TCP6),
    Kind("tcp6 mh", VIP6, Scheduler.MH, *TCP6),
    Kind("udp4 wlc", VIP, Scheduler.WLC, *UDP4),
    Kind("udp6 rr", VIP6, Scheduler.RR, *UDP6),
]
Change = Callable[[ServicePlan, str], ServicePlan]
"""A service after a change, from the one before and the flow's own real server."""


def others_weigh_more(wish: ServicePlan, own: str) -> ServicePlan:
    return replace(wish, reals=tuple(replace(r, weight=9) if str(r.address) != own else r for r in wish.reals))


def one_is_added(wish: ServicePlan, own: str) -> ServicePlan:
    address = NEW if wish.vip.version == 4 else "2001:db8:76::37"
    return replace(wish, reals=(*wish.reals, plans.real(address)))


def another_is_removed(wish: ServicePlan, own: str) -> ServicePlan:
    other = next(str(real.address) for real in wish.reals if str(real.address) != own)
    return plans.without(wish, other)


def quiesced(wish: ServicePlan, own: str) -> ServicePlan:
    return plans.changed(wish, own, weight=0)


def removed(wish: ServicePlan, own: str) -> ServicePlan:
    return plans.without(wish, own)


def down(wish: ServicePlan, own: str) -> ServicePlan:
    return plans.changed(wish, own, up=False)


def of_unknown_mac(wish: ServicePlan, own: str) -> ServicePlan:
    return plans.changed(wish, own, mac=None)


def sorry(wish: ServicePlan, own: str) -> ServicePlan:
    address = plans.SORRY if wish.vip.version == 4 else "2001:db8:76::39"
    return replace(wish, sorry=plans.real(address))


def another_scheduler(wish: ServicePlan, own: str) -> ServicePlan:
    return replace(wish, scheduler=Scheduler.SED)


CHANGES: list[Change] = [
    *(others_weigh_more, one_is_added, another_is_removed, quiesced, removed, down, of_unknown_mac, sorry),
    another_scheduler,
]
CASES = [
    pytest.param(kind, change, id=f"{kind.name}, {change.__name__}")
    for kind in KINDS
    for change in CHANGES
    if change is not another_scheduler or kind.scheduler not in HASHED  # whose flows have no entries to stay by
]


@pytest.mark.parametrize(("kind", "change"), CASES)
def test_a_flow_stays_with_its_real_server(plane: PlaneUnderTest, kind: Kind, change: Change) -> None:
    plane.apply(plans.plan(kind.service))
    home = plane.send(kind.first).frame[:6]
    own = (REALS6 if kind.vip == VIP6 else REALS)[kind.macs().index(home)]

    plane.apply(plans.plan(change(kind.service, own)))
    assert plane.send(kind.later).frame[:6] == home
    plane.apply(plans.plan(kind.service))
    assert plane.send(kind.later).frame[:6] == home


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_flow_whose_real_server_is_down_moves_if_it_shall(plane: PlaneUnderTest, kind: Kind) -> None:
    wish = replace(kind.service, on_down=OnDown.MOVE)
    plane.apply(plans.plan(wish))
    home = plane.send(kind.first).frame[:6]
    own = (REALS6 if kind.vip == VIP6 else REALS)[kind.macs().index(home)]

    plane.apply(plans.plan(down(wish, own)))
    elsewhere = plane.send(kind.first).frame[:6]
    assert elsewhere in set(kind.macs()) - {home}
    plane.apply(plans.plan(wish))
    assert plane.send(kind.later).frame[:6] == elsewhere


# ---- states


def sends(plane: PlaneUnderTest, *flags: str) -> list[bytes]:
    """Whom each of these segments of one connection is sent to."""
    return [plane.send(tcp(CLIENT4, f"{VIP}:80", flag)).frame[:6] for flag in flags]


def counts(plane: PlaneUnderTest) -> tuple[int, int]:
    """Active and inactive flows, of all real servers together."""
    reals = plane.read().reals
    return sum(real.active for real in reals), sum(real.inactive for real in reals)


@pytest.mark.parametrize(
    ("flags", "after"),
    [
        ("S", (1, 0)),
        ("S S", (1, 0)),
        ("S A", (1, 0)),
        ("S A S", (1, 0)),
        ("S A FA", (0, 1)),
        ("S A FA FA", (0, 1)),
        ("S A FA A", (0, 1)),
        ("S A FA S", (1, 0)),
        ("S A R", (0, 1)),
        ("S A R A", (0, 1)),
        ("S A FA R", (0, 1)),
        ("S FA", (0, 1)),
        ("S FA A", (0, 1)),
        ("S R", (1, 0)),
        ("S A PA PA", (1, 0)),
        ("A", (0, 0)),
        ("FA", (0, 0)),
        ("R", (0, 0)),
        ("RA", (0, 0)),
        ("-", (0, 0)),
        ("SR", (0, 0)),
    ],
)
def test_a_connection_is_counted_by_its_state(plane: PlaneUnderTest, flags: str, after: tuple[int, int]) -> None:
    plane.apply(plans.plan())
    sent = sends(plane, *flags.replace("-", "").split(" "))
    assert counts(plane) == after
    assert len(set(sent)) == 1, "all of them to one real server"


@pytest.mark.parametrize("flags", ["S FA S", "S A R S", "S FA R S", "S A FA R S A"])
def test_a_port_that_is_used_again_is_a_connection_of_another_real_server(plane: PlaneUnderTest, flags: str) -> None:
    plane.apply(plans.plan())
    assert len(set(sends(plane, *flags.split(" ")))) == 2
    assert counts(plane) == (1, 0), "that which ended is counted no more"


@pytest.mark.parametrize(
    ("flags", "seconds"),
    [("S", 60), ("S A", 900), ("S A FA", 120), ("S A R", 10), ("S FA", 120), ("S A FA FA R", 10)],
)
def test_a_connection_is_over_when_its_state_s_time_is(plane: PlaneUnderTest, flags: str, seconds: int) -> None:
    plane.apply(plans.plan())
    sends(plane, *flags.split())
    plane.at(1000 + seconds)
    assert sum(counts(plane)) == 1
    plane.at(1001 + seconds)
    assert counts(plane) == (0, 0)


def test_each_packet_begins_the_time_anew(plane: PlaneUnderTest) -> None:
    plane.apply(plans.plan())
    sends(plane, "S", "A")
    for second in (1800, 2600, 3400):
        plane.at(second)
        sends(plane, "A")
    assert counts(plane) == (1, 0)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.scheduler not in HASHED], ids=attrgetter("name"))
def test_a_packet_that_was_stopped_while_a_second_ended_finds_its_flow(plane: PlaneUnderTest, kind: Kind) -> None:
    """Between its looks at the clock and at the flow, another processor's packet had the next second already."""
    plane.apply(plans.plan(kind.service))
    ends = [plane.send(frame) for frame in (kind.first, kind.later)]
    plane.at(999)
    ends.append(plane.send(kind.later))
    assert [(end.frame[:6], end.reason) for end in ends] == [(ends[0].frame[:6], "forwarded")] * 3
    assert sum(real.new_flows for real in plane.read().reals) == 1


def test_a_datagrams_flow_lives_300_seconds_and_is_inactive(plane: PlaneUnderTest) -> None:
    plane.apply(plans.plan())
    home = plane.send(UDP4[0]).frame[:6]
    plane.at(1300)
    assert (counts(plane), plane.send(UDP4[1]).frame[:6]) == ((0, 1), home)
    plane.at(1600)
    assert counts(plane) == (0, 1)
    plane.at(1601)
    assert counts(plane) == (0, 0)


def test_who_never_finishes_the_handshake_is_forgotten_after_a_minute(plane: PlaneUnderTest) -> None:
    plane.apply(plans.plan())
    for number in range(50):
        plane.send(tcp(f"10.0.{number}.1:9", f"{VIP}:80", "S"))
    assert counts(plane) == (50, 0)
    plane.at(1061)
    assert counts(plane) == (0, 0)
