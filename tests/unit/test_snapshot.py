"""The snapshot: what is made of it when somebody asks."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from carom.core.handshakes import Handshakes
from carom.core.planning import plan
from carom.core.world import begin
from carom.model import Address, Config, Director
from carom.ports import Attachment, Counter, Reading, RealReading
from carom.snapshot import Snapshot

ONE, TWO = (ip_address(f"192.168.76.{host}") for host in (31, 32))
WORLD = begin(Config(Director("eth0")))
NOTHING = Reading()
NOW = Snapshot(
    WORLD, plan(WORLD), Attachment("xdp", "eth0", "native", taken_over=False), NOTHING, NOTHING, 0.0, 0.0, ()
)


def reading(*reals: RealReading) -> Reading:
    return Reading(reals)


def real(service: str, address: Address, new: int, repeated: int, lost: int) -> RealReading:
    return RealReading(service, address, Counter(), new, 0, 0, repeated, lost)


def test_handshakes_are_those_since_the_past_of_each_real_server_in_each_service() -> None:
    past = reading(real("web", ONE, 10, 1, 0), real("web", TWO, 20, 0, 3), real("dns", ONE, 5, 5, 5))
    later = reading(real("web", ONE, 17, 4, 1), real("web", TWO, 20, 0, 3), real("dns", ONE, 6, 5, 5))
    assert replace(NOW, past=past, reading=later).handshakes == {
        "web": {ONE: Handshakes(7, 3, 1), TWO: Handshakes(0, 0, 0)},
        "dns": {ONE: Handshakes(1, 0, 0)},
    }


def test_who_is_new_has_had_none_and_who_counts_anew_has_none_below_0() -> None:
    past, later = reading(real("web", ONE, 10, 10, 10)), reading(real("web", ONE, 2, 0, 0), real("web", TWO, 9, 9, 9))
    found = replace(NOW, past=past, reading=later).handshakes
    assert found == {"web": {ONE: Handshakes(0, 0, 0), TWO: Handshakes(0, 0, 0)}}
