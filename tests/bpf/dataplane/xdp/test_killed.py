"""Whoever changes the maps is killed at each store, one after the other: packets see the old plan or the new one.

What packets see is asked of the program itself. CAROM_STORES: 1 tries every store, 3 every third.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from carom.core.plan import Plan
from carom.dataplane.xdp.libbpf import Map
from carom.dataplane.xdp.program import Loaded
from carom.dataplane.xdp.tables import Tables
from carom.model import Ports, Protocol, Scheduler
from tests.dataplane import plans
from tests.dataplane.frames import arp, tcp, udp
from tests.dataplane.plans import REALS, REALS6, VIP, VIP6

STEP = int(os.environ.get("CAROM_STORES", "3"))
A, B, C = REALS
VIP2, VIP3 = "192.168.76.25", "192.168.76.26"
HTTP, HTTPS, ALT, MAIL = (Ports(Protocol.TCP, port, port) for port in (80, 443, 8080, 25))
SOME, MORE = Ports(Protocol.TCP, 1000, 1999), Ports(Protocol.TCP, 3000, 3999)


def wish(name: str, vip: str, ports: tuple[Ports, ...], *weights: tuple[str, int], by: Scheduler = Scheduler.RR) -> Any:
    reals = tuple(plans.real(address, weight) for address, weight in weights)
    return plans.service(by, *reals, name=name, vip=vip, ports=ports)


ONE = plans.plan(
    wish("web", VIP, (HTTP, HTTPS, SOME), (A, 1), (B, 2)),
    wish("dns", VIP, (plans.DNS,), (A, 1)),
    wish("mail", VIP3, (MAIL,), (B, 1)),
    wish("old", VIP2, (ALT,), (A, 1), (B, 1), by=Scheduler.SH),
    wish("six", VIP6, (HTTP,), (REALS6[0], 1), (REALS6[1], 1), by=Scheduler.MH),
)
OTHER = plans.plan(
    wish("rest", VIP, (HTTPS, SOME), (C, 1)),  # a port and a range that go to another service
    wish("web", VIP, (HTTP, ALT, MORE), (B, 5), (C, 1)),
    wish("new", VIP2, (MAIL,), (C, 1)),
    wish("heir", VIP2, (ALT,), (C, 1)),  # of one whose flows have no entries
    wish("six", VIP6, (HTTP,), (REALS6[1], 1), (REALS6[2], 3), by=Scheduler.MH),
    answering=True,
)
OTHER = replace(OTHER, timeouts=replace(OTHER.timeouts, established=77))
TARGETS = (
    *(f"{VIP}:{port}" for port in (80, 443, 8080, 1500, 3500)),
    *(f"{VIP2}:{port}" for port in (25, 8080)),
    *(f"{VIP3}:25", f"[{VIP6}]:80"),
)


def frames() -> list[bytes]:
    """Segments that begin no flow and leave none behind, from several clients to every port; and who has the VIPs?"""
    found = [udp(f"10.0.0.{number}:1025", f"{VIP}:53") for number in range(1, 9)]
    for target in TARGETS:
        clients = ("[2001:db8::{}]:1025" if "[" in target else "10.0.0.{}:1025",)
        found += [tcp(clients[0].format(number), target, "R") for number in range(1, 9)]
    return found + [arp(1, "192.168.76.1", vip) for vip in (VIP, VIP2, VIP3)]


FRAMES = frames()


class Killed(BaseException):
    """Nothing is cleaned up after this."""


class Words:
    """An array of words; before each store `store` is called."""

    def __init__(self, words: Any, store: Callable[[], None]) -> None:
        self._words, self._store = words, store

    def __getitem__(self, place: Any) -> Any:
        return self._words[place]

    def __setitem__(self, place: Any, value: Any) -> None:
        self._store()
        self._words[place] = value


class Director:
    """Who changes the maps, one daemon after the other."""

    def __init__(self, loaded: Loaded, patch: pytest.MonkeyPatch) -> None:
        self._loaded, self._patch = loaded, patch
        self._now = count()

    def tables(self) -> Tables:
        return Tables(self._loaded.maps, lambda: float(next(self._now)))

    def seen(self) -> list[tuple[int, bytes]]:
        """What becomes of each frame: verdict, and to whom it goes."""
        found = (self._loaded.director.run(frame) for frame in FRAMES)
        return [(verdict, frame[:6]) for verdict, frame, _ in found]

    def apply(self, plan: Plan, kill_at: int) -> bool:
        """Whether a daemon that carries this out is killed: before so many-th store."""
        tables, left = self.tables(), count(kill_at, -1)

        def store() -> None:
            if next(left) == 0:
                raise Killed

        with self._patch.context() as patch:
            for name in ("set", "delete"):
                patch.setattr(Map, name, _after(store, getattr(Map, name)))
            entrances, shelf = tables._entrances, tables._shelf
            tables._aims = Words(tables._aims, store)  # type: ignore[assignment]
            shelf._words = {name: Words(words, store) for name, words in shelf._words.items()}  # type: ignore[misc]
            entrances._words = Words(entrances._words, store)  # type: ignore[assignment]
            for directory in entrances._directories.values():
                directory._words = Words(directory._words, store)  # type: ignore[assignment]
            try:
                tables.apply(plan)
            except Killed:
                return True
        return False


def _after(store: Callable[[], None], real: Callable[..., None]) -> Callable[..., None]:
    def stored(*arguments: Any) -> None:
        store()
        real(*arguments)

    return stored


@pytest.mark.parametrize(("before", "after"), [(ONE, OTHER), (OTHER, ONE)], ids=["there", "and back"])
def test_killed_at_any_store_packets_see_one_plan_or_the_other(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch, before: Plan, after: Plan
) -> None:
    director = Director(loaded, monkeypatch)
    for plan in (before, after):
        director.tables().apply(plan)
    new = director.seen()
    director.tables().apply(before)
    old = director.seen()
    assert len({answer for answer in zip(old, new, strict=True) if answer[0] != answer[1]}) >= 6, "they differ in much"
    kills = []
    for number in count(0, STEP):
        killed = director.apply(after, number)
        kills.append(director.seen())
        assert kills[-1] in (old, new), f"a mixture, when killed at store {number}"
        if not killed:
            break
        director.tables().apply(before)
        assert director.seen() == old, f"what was left at store {number} is in the way"
    turned = kills.index(new)
    assert all(seen == old for seen in kills[:turned])
    assert all(seen == new for seen in kills[turned:])
    assert turned > 40 // STEP < len(kills), "most of the work is done before anybody sees it"
