"""Sightings are values: two that say the same are one."""

from __future__ import annotations

from ipaddress import ip_address

from carom.sighting import Sighting, Sign, VipSighted, VipSightingEnded


def test_two_frames_of_one_station_with_one_vip_are_one_sighting() -> None:
    vip, mac = ip_address("192.168.76.24"), bytes(6)
    assert {Sighting(vip, mac, Sign.SENT), Sighting(vip, mac, Sign.SENT)} == {Sighting(vip, mac, Sign.SENT)}
    assert Sighting(vip, mac, Sign.SENT) != Sighting(vip, mac, Sign.ANSWERED)


def test_that_it_began_is_not_that_it_ended() -> None:
    sighting = Sighting(ip_address("fd00::24"), bytes(6), Sign.ANNOUNCED)
    assert len({VipSighted(sighting), VipSightingEnded(sighting)}) == 2
