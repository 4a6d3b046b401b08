"""The wire: who has what, who misuses a VIP, who asks for whom."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address

from carom.doctor.wire import Wire
from carom.lab import namespaces
from carom.lab.standing import Lab
from carom.net import frames
from carom.net.frames import Way
from carom.sighting import Sighting, Sign
from tests.net.doctor.ward import REAL2, REAL2_6, VIP, VIP6, broken, mac
from tests.net.labs import on

AT_MOST = 10.0
"""Seconds until what shall be heard is heard; usually it takes a thousandth of one."""
SILENCE = 0.3
"""Seconds for which it is listened for what shall not be heard."""
OURS, OURS6 = ip_address("192.168.76.10"), ip_address("fd00:76::10")
VIPS = [ip_address(VIP), ip_address(VIP6)]


def raw(node: str) -> bytes:
    return bytes.fromhex(mac(node).replace(":", ""))


def listen(lab: Lab, story: Callable[[Wire], Awaitable[None]], heard: Callable[[Wire], bool] | None = None) -> Wire:
    """What the director's wire has heard after a story, once it has heard this, or after a silence."""

    async def told() -> Wire:
        with tapped() as wire:
            await story(wire)
            if heard is None:
                await asyncio.sleep(SILENCE)
            else:
                await until(lambda: heard(wire))
            return wire

    return namespaces.inside(lab.namespace("director"), lambda: asyncio.run(told()))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(AT_MOST):
        while not condition():  # noqa: ASYNC110 - a wire tells of misuses only
            await asyncio.sleep(0.01)


@contextmanager
def tapped() -> Iterator[Wire]:
    wire = Wire("eth0", VIPS, [OURS, OURS6])
    try:
        yield wire
    finally:
        wire.close()


def test_it_hears_who_has_an_address_and_that_nobody_has(lab: Lab) -> None:
    nobody = ip_address("192.168.76.200")
    known = [ip_address(REAL2), ip_address(REAL2_6)]

    async def story(wire: Wire) -> None:
        wire.mind([*known, nobody])
        await wire.ask([*known, nobody])

    wire = listen(lab, story, lambda wire: all(wire.mac_of(address) for address in known))
    assert {address: wire.mac_of(address) for address in (*known, nobody)} == {
        **dict.fromkeys(known, raw("real2")),
        nobody: None,
    }
    assert wire.sightings == {}


def test_it_hears_only_what_it_minds(lab: Lab) -> None:
    async def story(wire: Wire) -> None:
        await wire.ask([ip_address(REAL2)])

    assert listen(lab, story).owners == {}


def test_an_address_that_two_have_has_no_mac(lab: Lab) -> None:
    on(lab, "gateway1", "ip", "address", "add", f"{REAL2}/32", "dev", "segment")

    async def story(wire: Wire) -> None:
        wire.mind([ip_address(REAL2)])
        await wire.ask([ip_address(REAL2)])

    try:
        wire = listen(lab, story, lambda wire: len(wire.owners[ip_address(REAL2)]) == 2)
    finally:
        on(lab, "gateway1", "ip", "address", "del", f"{REAL2}/32", "dev", "segment")
    assert wire.owners[ip_address(REAL2)] == {raw("gateway1"), raw("real2")}
    assert wire.mac_of(ip_address(REAL2)) is None


def test_a_misuse_is_kept_once_and_told_each_time(lab: Lab) -> None:
    told: list[Sighting] = []

    async def story(wire: Wire) -> None:
        wire.on_sighting = told.append
        for times in (1, 2):
            await wire.ask(VIPS)
            await until(lambda: told.count(leak) >= times)  # noqa: B023 - awaited before the next one

    leak = Sighting(VIPS[0], raw("real2"), Sign.ANSWERED)
    with broken(lab, "real2", "no-arp-ignore"):
        wire = listen(lab, story)
    assert list(wire.sightings) == [leak]


def test_it_hears_who_asks_for_an_address_that_it_minds(lab: Lab) -> None:
    bait = ip_address("192.168.76.201")

    async def story(wire: Wire) -> None:
        wire.mind([bait])
        wire.send(frames.echo_request(Way(wire.mac, raw("real2"), bait, VIPS[0]), 1))

    assert listen(lab, story, lambda wire: bool(wire.askers)).askers == {bait: {raw("real2")}}


def test_what_answers_the_director_itself_is_no_misuse(lab: Lab) -> None:
    async def story(wire: Wire) -> None:
        wire.send(frames.echo_request(Way(wire.mac, raw("real2"), OURS, VIPS[0]), 1))

    assert listen(lab, story).sightings == {}
