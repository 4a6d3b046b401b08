"""Entrances in the real maps: what leads where in which half, and what is left when there is no room."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from carom.core.plan import Plan
from carom.dataplane.xdp.entrances import Entrances, settings_of
from carom.dataplane.xdp.extents import Extents
from carom.dataplane.xdp.layout import HALF_BITS, Way, frontend_key
from carom.dataplane.xdp.program import Loaded
from carom.dataplane.xdp.tables import Tables
from carom.errors import DataPlaneError
from carom.model import Ports, Protocol
from tests.dataplane import plans
from tests.dataplane.plans import VIP

SOME, MORE = Ports(Protocol.TCP, 1000, 1999), Ports(Protocol.TCP, 3000, 3999)
BEHIND = frontend_key(ip_address(VIP), 0, 6)


@pytest.fixture
def tables(loaded: Loaded) -> Tables:
    return Tables(loaded.maps, lambda: 0.0)


def wish(*ports: Ports) -> Plan:
    return plans.plan(replace(plans.service(), ports=ports))


def ways(loaded: Loaded, place: bytes) -> tuple[Way, Way]:
    """As packets see it, and as the other half has it."""
    half = settings_of(loaded.maps).half // HALF_BITS
    found = Entrances(loaded.maps, half, lambda: 0.0).standing()[place].ways
    return found[half], found[1 - half]


def test_port_ranges_stand_behind_the_key_of_port_0(loaded: Loaded, tables: Tables) -> None:
    tables.apply(wish(plans.HTTP, SOME, MORE))
    behind, _ = ways(loaded, BEHIND)
    assert (behind.service, behind.ranges != 0) == (0, True)

    tables.apply(wish(plans.HTTP, Ports(Protocol.TCP, 0, 65535)))
    now, before = ways(loaded, BEHIND)
    assert now == Way(tables.services.numbers["web"])
    assert before == behind, "nobody writes where packets may still be reading"


def test_the_same_ranges_stay_where_they_are(loaded: Loaded, tables: Tables) -> None:
    tables.apply(wish(plans.HTTP, SOME))
    first, _ = ways(loaded, BEHIND)
    tables.apply(wish(plans.HTTPS, SOME))
    assert ways(loaded, BEHIND) == (first, first)


def test_a_restart_uses_no_place_of_what_stands(loaded: Loaded, tables: Tables) -> None:
    tables.apply(wish(plans.HTTP, SOME))
    first, _ = ways(loaded, BEHIND)
    Tables(loaded.maps, lambda: 0.0).apply(wish(plans.HTTP, MORE))
    second, before = ways(loaded, BEHIND)
    assert before == first
    assert second.ranges != first.ranges


def test_where_ranges_find_no_room_nothing_is_seen_and_nothing_is_lost(loaded: Loaded, tables: Tables) -> None:
    tables.apply(wish(plans.HTTP, SOME))
    before = tables.entrances, ways(loaded, BEHIND)[0]
    room = tables._entrances._extents
    tables._entrances._extents = Extents("ranges", 3, dict(room.used))
    many = replace(plans.service(name="dns"), ports=(SOME, MORE, plans.DNS), vip=ip_address(plans.OTHER_VIP))
    for _ in range(3):
        with pytest.raises(DataPlaneError, match="ranges are full"):
            tables.apply(plans.plan(replace(plans.service(), ports=(plans.HTTPS, MORE)), many))
        assert (tables.entrances, ways(loaded, BEHIND)[0]) == before
    tables._entrances._extents = room
    tables.apply(plans.plan(replace(plans.service(), ports=(plans.HTTPS, MORE)), many))
    assert frontend_key(ip_address(VIP), 80, 6) not in tables.entrances
