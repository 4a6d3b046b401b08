"""From a document to values: every flaw is noted, and reading goes on. `faulty.py` has the flaws."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from carom.config.read import read
from carom.core.flaw import Flaw, Path
from carom.model import Config, Director, Ports, Protocol, Real, Service

WEB: dict[str, Any] = {
    "name": "web",
    "vip": "192.0.2.1",
    "ports": ["tcp/80"],
    "reals": ["192.0.2.31", {"address": "192.0.2.32", "weight": 2}],
}


def test_a_sound_document_becomes_a_configuration() -> None:
    config, flaws = read({"director": {"interface": "eth0"}, "service": [WEB]})
    assert not flaws
    reals = (Real(ip_address("192.0.2.31")), Real(ip_address("192.0.2.32"), 2))
    service = Service("web", ip_address("192.0.2.1"), (Ports(Protocol.TCP, 80, 80),), reals)
    assert config == Config(Director("eth0"), (service,))


def test_one_flaw_hides_no_other() -> None:
    _, flaws = read({"director": 1, "service": [WEB, WEB | {"vip": "x"}, WEB | {"reals": [{"weight": "y"}]}]})
    assert {flaw.path for flaw in flaws} == {
        ("director",),
        ("service", 1, "vip"),
        ("service", 2, "reals", 0, "weight"),
        ("service", 2, "reals", 0, "address"),
    }


def of_service(**more: object) -> list[Flaw]:
    _, flaws = read({"director": {"interface": "eth0"}, "service": [WEB | more]})
    return flaws


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("schedulr", "unknown key; write scheduler"),
        ("upper", "unknown key here; it belongs in reals = [{ }]"),
        ("interface", "unknown key here; it belongs in [director]"),
        ("fall", "unknown key here; it belongs in [service.check]"),
        ("persist", "unknown key; write persistence"),
    ],
)
def test_an_unknown_key_is_told_where_to_go(key: str, message: str) -> None:
    assert Flaw(("service", 0, key), message) in [replace(flaw, against=()) for flaw in of_service(**{key: "rr"})]


def test_a_misspelled_key_is_read_as_the_one_that_was_meant() -> None:
    """So its value is judged too, nothing is missing, and the rules stay silent about what it means."""
    meant: Path = ("service", 0, "scheduler")
    flaws = of_service(scheduler_="rrr")
    assert {flaw.message for flaw in flaws} == {"unknown key; write scheduler", '"rrr" is no scheduler; write "rr"'}
    assert [flaw.against for flaw in flaws if flaw.against] == [(meant,)]


def test_a_misspelled_key_beside_the_right_one_is_not_read() -> None:
    (flaw,) = of_service(scheduler="rr", scheduler_="rrr")
    assert flaw.message == "unknown key; write scheduler"


def test_of_an_unknown_kind_no_key_is_asked() -> None:
    (flaw,) = of_service(check={"kind": "scrpt", "path": "/", "command": "/bin/true"})
    assert flaw.path == ("service", 0, "check", "kind")
