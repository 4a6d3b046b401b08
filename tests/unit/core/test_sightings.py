"""Sightings as a story: seen, told, told again, over; and what each means."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from carom.core.sightings import Sightings, finding, finding_name
from carom.finding import Verdict
from carom.sighting import Sighting, Sign, VipSighted, VipSightingEnded

VIP, VIP6 = ip_address("192.168.76.24"), ip_address("fd00:76::24")
REAL, REAL6 = ip_address("192.168.76.32"), ip_address("fd00:76::32")
GUILTY, STRANGER = bytes.fromhex("020000007632"), bytes.fromhex("020000007699")
REALS = {GUILTY: (REAL, REAL6)}
LEAK = Sighting(VIP, GUILTY, Sign.ANSWERED)


def test_what_is_seen_is_told_at_once_and_again_only_from_time_to_time() -> None:
    sightings = Sightings(lasting=30, again=5)
    told = {now: list(sightings.see(LEAK, now)) for now in (100.0, 101.0, 104.9, 105.0, 106.0)}
    assert told == {100.0: [VipSighted(LEAK)], 101.0: [], 104.9: [], 105.0: [VipSighted(LEAK)], 106.0: []}


def test_what_is_no_longer_seen_is_over_once() -> None:
    sightings = Sightings(lasting=30, again=5)
    assert list(sightings.see(LEAK, 100.0))
    assert not list(sightings.see(LEAK, 103.0))
    assert list(sightings.lapse(132.9)) == []
    assert list(sightings.lapse(133.0)) == [VipSightingEnded(LEAK)]
    assert list(sightings.lapse(200.0)) == []


def test_what_comes_back_is_news_again() -> None:
    sightings = Sightings(lasting=30, again=60)
    assert list(sightings.see(LEAK, 100.0))
    assert list(sightings.lapse(130.0)) == [VipSightingEnded(LEAK)]
    assert list(sightings.see(LEAK, 131.0)) == [VipSighted(LEAK)]


def test_each_station_each_vip_and_each_sign_is_seen_for_itself() -> None:
    others = [
        Sighting(VIP6, GUILTY, Sign.ANSWERED),
        Sighting(VIP, STRANGER, Sign.ANSWERED),
        Sighting(VIP, GUILTY, Sign.SENT),
    ]
    sightings = Sightings(lasting=30, again=5)
    assert [fact.sighting for one in (LEAK, *others) for fact in sightings.see(one, 0.0)] == [LEAK, *others]


@pytest.mark.parametrize(
    ("vip", "sign", "called"),
    [
        (VIP, Sign.ANSWERED, "arp-ignore"),
        (VIP, Sign.ANNOUNCED, "arp-announce"),
        (VIP, Sign.SENT, "default-route"),
        (VIP6, Sign.ANSWERED, "neighbour-discovery"),
        (VIP6, Sign.ANNOUNCED, "neighbour-discovery"),
        (VIP6, Sign.SENT, "default-route"),
    ],
)
def test_a_real_servers_misuse_is_called_as_verify_calls_it_there(vip: object, sign: Sign, called: str) -> None:
    sighting = Sighting(ip_address(str(vip)), GUILTY, sign)
    found = finding(sighting, REALS)
    assert (found.name, found.subject, found.verdict) == (called, str(vip), Verdict.FAULT)
    assert finding_name(sighting, real=True) == called
    assert GUILTY.hex(":") in found.evidence
    assert found.remedy


def test_the_guilty_real_server_is_named_by_its_address_of_the_vips_family() -> None:
    assert finding(LEAK, REALS).server == str(REAL)
    assert finding(Sighting(VIP6, GUILTY, Sign.SENT), REALS).server == str(REAL6)
    assert finding(Sighting(VIP6, GUILTY, Sign.SENT), {GUILTY: (REAL,)}).server == str(REAL)


@pytest.mark.parametrize(
    ("sign", "called"),
    [(Sign.ANSWERED, "foreign-claim"), (Sign.ANNOUNCED, "foreign-claim"), (Sign.SENT, "default-route")],
)
def test_a_stranger_is_named_by_its_mac_and_what_else_is_known(sign: Sign, called: str) -> None:
    found = finding(Sighting(VIP, STRANGER, sign), REALS, "192.168.76.3")
    assert (found.name, found.verdict, found.server) == (called, Verdict.FAULT, "")
    assert "02:00:00:00:76:99 (192.168.76.3), no real server of Carom's," in found.evidence
    assert "(" not in finding(Sighting(VIP, STRANGER, sign), REALS).evidence
