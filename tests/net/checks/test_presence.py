"""Whose an address is, asked of real hosts: politely, and below their packet filter."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from carom.checks.checker import Target
from carom.checks.overhear import Ear
from carom.checks.presence import is_frank, presence
from carom.core.diagnosis import Presence
from carom.model import Address
from carom.net import viaroute
from tests.net.segment import VIP, VIP6, Segment, inside, rip, rip6, segment


@pytest.fixture
def one() -> Iterator[Segment]:
    with segment(reals=1) as built, inside(built.director):
        yield built


@pytest.fixture(params=["IPv4", "IPv6"])
def family(request: pytest.FixtureRequest) -> tuple[Address, Address]:
    """A VIP and its real server."""
    return (VIP, rip(1)) if request.param == "IPv4" else (VIP6, rip6(1))


def way(family: tuple[Address, Address]) -> Target:
    (mark,) = viaroute.want(frozenset({family})).values()
    return Target(family[0], 0, family[1], mark, timeout=0.4)


def found(target: Target) -> Presence:
    with closing(Ear()) as ear:
        return asyncio.run(presence(target, ear))


def test_an_address_that_answers(one: Segment, family: tuple[Address, Address]) -> None:
    assert found(way(family)) is Presence.ANSWERS


@pytest.mark.parametrize("verdict", ["drop", "reject"])
def test_an_address_behind_a_filter(one: Segment, family: tuple[Address, Address], verdict: str) -> None:
    word = "ip" if family[0].version == 4 else "ip6"
    one.filter(one.real(1), f"{word} daddr {family[0]} {verdict}")
    assert found(way(family)) is Presence.FILTERED


def test_a_host_that_lacks_it(one: Segment, family: tuple[Address, Address]) -> None:
    one.on(one.real(1), "ip", "addr", "del", str(family[0]), "dev", "lo")
    assert found(way(family)) is Presence.STRANGER


def test_a_host_that_lacks_it_and_forwards(one: Segment, family: tuple[Address, Address]) -> None:
    one.on(one.real(1), "ip", "addr", "del", str(family[0]), "dev", "lo")
    one.on(one.real(1), "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    assert found(way(family)) is Presence.STRANGER


def test_an_answer_that_the_directors_host_drops(one: Segment, family: tuple[Address, Address]) -> None:
    word = "ip" if family[0].version == 4 else "ip6"
    one.filter(one.director, f"{word} saddr {family[0]} drop")
    assert found(way(family)) is Presence.UNHEARD


def test_the_reverse_path_filter_of_a_director_with_two_nics(one: Segment) -> None:
    """The VIP is routed by another NIC than the real servers': strict mode (RFC 3704) drops what they answer."""
    one.on(one.director, "ip", "link", "add", "out0", "type", "bridge")
    one.on(one.director, "ip", "link", "set", "out0", "up")
    one.on(one.director, "ip", "route", "add", f"{VIP}/32", "dev", "out0")
    target = way((VIP, rip(1)))
    assert found(target) is Presence.ANSWERS
    one.on(one.director, "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=1", "net.ipv4.conf.eth0.rp_filter=1")
    assert found(target) is Presence.UNHEARD
    one.on(one.director, "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=2", "net.ipv4.conf.eth0.rp_filter=2")
    assert found(target) is Presence.ANSWERS


def test_a_dead_host_is_silent_and_then_there_is_no_way(one: Segment, family: tuple[Address, Address]) -> None:
    target = way(family)
    assert found(target) is Presence.ANSWERS
    one.on(one.real(1), "ip", "link", "set", "eth0", "down")
    assert found(target) is Presence.SILENT
    one.on(one.director, "ip", "neigh", "replace", str(family[1]), "dev", "eth0", "nud", "failed")
    patient = Target(target.address, 0, target.real, target.mark, timeout=8.0)
    deadline = time.monotonic() + 30
    while found(patient) is Presence.SILENT:
        assert time.monotonic() < deadline
    assert found(patient) is Presence.NO_WAY


def test_a_host_shows_whether_it_is_of_those_that_show_it(one: Segment, family: tuple[Address, Address]) -> None:
    own = Target(family[1], 0, family[1], timeout=0.4)
    assert asyncio.run(is_frank(own))
    one.on(one.real(1), "ip", "link", "set", "eth0", "down")
    assert not asyncio.run(is_frank(own))
