"""Announcements on the wire: stations that had a VIP elsewhere have it at the director afterwards."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from ipaddress import ip_address

import pytest

from carom.errors import NetError
from carom.net.announce import PacketAnnouncer
from tests.net.segment import Segment, inside, segment

VIPS = (ip_address("10.77.0.150"), ip_address("10.77.0.151"), ip_address("fd77::150"))
ELSEWHERE = "02:00:00:00:00:77"


@pytest.fixture(scope="module")
def lan() -> Iterator[Segment]:
    with segment(reals=2) as built:
        yield built


def test_every_station_that_knew_a_vip_elsewhere_learns_where_it_is(lan: Segment) -> None:
    for number in (1, 2):
        for vip in VIPS:
            lan.on(lan.real(number), *f"ip neigh replace {vip} lladdr {ELSEWHERE} dev eth0 nud stale".split())
    [nic] = json.loads(lan.on(lan.director, "ip", "-j", "link", "show", "eth0"))
    with inside(lan.director):
        PacketAnnouncer("eth0").announce(VIPS)
    everybody_knows = {str(vip): nic["address"] for vip in VIPS}
    for station in (1, 2):
        until(lambda: known(lan, station).items() >= everybody_knows.items())  # noqa: B023 - waited for at once


def known(lan: Segment, number: int) -> dict[str, str]:
    entries = json.loads(lan.on(lan.real(number), "ip", "-j", "neigh", "show", "dev", "eth0"))
    return {entry["dst"]: entry.get("lladdr", "") for entry in entries}


def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    patience = threading.Event()
    for _ in range(round(seconds / 0.02)):
        if condition():
            return
        patience.wait(0.02)
    pytest.fail(f"not within {seconds} s")


def test_nothing_to_announce_is_nothing_sent(lan: Segment) -> None:
    with inside(lan.director), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as tap:
        tap.bind(("eth0", 0))
        tap.setblocking(False)
        PacketAnnouncer("eth0").announce(VIPS)
        assert announced(tap) == len(VIPS)
        PacketAnnouncer("eth0").announce(())
        assert announced(tap) == 0


ETH_P_ALL = 3


def announced(tap: socket.socket) -> int:
    """ARP and neighbour advertisements that the NIC has sent since it was asked last; IPv6 speaks up by itself too."""
    frames = []
    with contextlib.suppress(BlockingIOError):
        while True:
            frames.append(tap.recv(2048))
    return sum(frame[12:14] == b"\x08\x06" or (frame[12:14] == b"\x86\xdd" and frame[54] == 136) for frame in frames)


def test_a_nic_that_is_down_is_named(lan: Segment) -> None:
    lan.on(lan.director, "ip", "link", "set", "eth0", "down")
    try:
        with inside(lan.director), pytest.raises(NetError, match="eth0 takes no announcement: Network is down"):
            PacketAnnouncer("eth0").announce(VIPS)
    finally:
        lan.on(lan.director, "ip", "link", "set", "eth0", "up")
