"""The lab's director: what it is told, and when it is ready."""

from __future__ import annotations

from carom.config.load import load
from carom.lab.counters import Leg
from carom.lab.director import Status, configuration, waiting_for, whole_frames
from carom.lab.network import Wire
from carom.model import Scheduler


def status(**reals: tuple[bool, str | None]) -> Status:
    """A status whose real servers are these: up or not, and their MACs."""
    addresses = {"real1": "192.168.76.31", "real2": "192.168.76.32", "stranger": "192.168.76.99"}
    listed = [{"address": addresses[name], "up": up, "mac": mac} for name, (up, mac) in reals.items()]
    return {"services": [{"name": "web", "reals": listed}]}


def test_its_configuration_is_sound_and_has_the_weights() -> None:
    config = load(configuration((3, 2, 1)), "carom.toml")
    (service,) = config.services
    assert config.director.interface == "eth0"
    assert service.scheduler is Scheduler.WRR
    assert [(str(real.address), real.weight) for real in service.reals] == [
        ("192.168.76.31", 3),
        ("192.168.76.32", 2),
        ("192.168.76.33", 1),
    ]


def test_it_is_ready_when_every_real_server_can_be_sent_to() -> None:
    assert waiting_for(status(real1=(True, "02:00:00:00:76:31"), real2=(True, "02:00:00:00:76:32"))) == []


def test_it_waits_for_those_without_a_mac_or_not_up() -> None:
    assert waiting_for(status(real1=(True, None), real2=(False, "02:00:00:00:76:32"))) == ["real1", "real2"]


def test_its_leg_is_counted_in_whole_frames_in_native_mode_only() -> None:
    leg = (Wire.SEGMENT, "director")
    legs = {leg: Leg(received_packets=2, received_bytes=92), (Wire.SEGMENT, "real1"): Leg(received_packets=2)}
    assert whole_frames(legs, {"director": {"mode": "native"}}) == {**legs, leg: Leg(0, 0, 2, 120)}
    assert whole_frames(legs, {"director": {"mode": "generic"}}) == legs
    assert whole_frames(legs, None) == legs


def test_it_does_not_wait_for_real_servers_the_lab_has_not() -> None:
    assert waiting_for(status(stranger=(True, None))) == []
