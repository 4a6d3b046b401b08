"""`carom flows`: what a person sees, what a program reads."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from carom.cli.flows import table
from carom.dataplane.fake.walk import walk
from carom.model import Protocol
from tests.dataplane.frames import tcp
from tests.unit.cli.directors import run, said
from tests.unit.directors import OWN, Director, director


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Director]:
    with director(tmp_path_factory.mktemp("director")) as one:
        for port in (1, 2):
            walk(one.plane, tcp(f"203.0.113.7:{port}", "192.168.76.24:80", "S", mac=OWN))
        walk(one.plane, tcp("203.0.113.7:2", "192.168.76.24:80", "A", mac=OWN))
        yield one


def test_a_table_for_people(it: Director) -> None:
    heading, first, second = said(it, "flows")
    assert heading.split() == ["PROTO", "CLIENT", "VIP", "REAL", "SERVER", "SERVICE", "STATE", "IDLE", "EXPIRES"]
    assert first.startswith("tcp    203.0.113.7:1  192.168.76.24:80  192.168.76.3")
    assert first.endswith("web      syn-recv       0s    1m00s")
    assert second.endswith("web      established    0s   15m00s")


def test_one_document_for_programs(it: Director) -> None:
    found = json.loads("\n".join(said(it, "flows", "--json", "--state", "established")))
    assert [flow["client_port"] for flow in found["flows"]] == [2]


def test_a_limit_is_kept(it: Director) -> None:
    assert len(json.loads("\n".join(said(it, "flows", "--json", "--limit", "1")))["flows"]) == 1


def test_counted_by_state(it: Director) -> None:
    assert [line.split() for line in said(it, "flows", "--count")] == [
        ["syn-recv", "1"],
        ["established", "1"],
        ["all", "2"],
    ]
    found = json.loads("\n".join(said(it, "flows", "--count", "--json", "--client", "203.0.113.0/24")))
    assert found == {"count": 2, "states": {"syn-recv": 1, "established": 1}}


@pytest.mark.parametrize("protocol", [one.value for one in Protocol])
def test_those_of_each_protocol_that_is_balanced(it: Director, protocol: str) -> None:
    found = said(it, "flows", "--count", "--protocol", protocol)[-1].split()
    assert found == ["all", "2" if protocol == "tcp" else "0"]


def test_none_is_said(it: Director) -> None:
    assert said(it, "flows", "--idle", "5m") == ["no flows"]


def test_what_makes_no_sense_is_wrong_usage(it: Director) -> None:
    result = run(it, "flows", "--service", "shop")
    assert (result.exit_code, result.output) == (2, "carom: there is no service shop; there are web\n")
    result = run(it, "flows", "--count", "--limit", "3")
    assert result.exit_code == 2
    assert "--limit is about what is shown, and --count shows none" in result.output


def test_half_a_second_without_a_packet_is_not_yet_one(it: Director) -> None:
    assert said(it, "flows", "--idle", "100ms") == ["no flows"]


def test_later_pages_keep_the_columns_of_the_first() -> None:
    flow = dict(
        *({"client": "2001:db8::1", "client_port": 1, "vip": "2001:db8::24", "vip_port": 80, "protocol": "tcp"},),
        service="web",
        real="2001:db8::31",
        state="close",
        idle=3,
        remaining=7,
        persistent=True,
    )
    short = {**flow, "client": "::1", "service": "", "real": None, "persistent": False}
    _, first, second = table(iter([[flow], [], [short]]))
    assert first == "tcp    [2001:db8::1]:1  [2001:db8::24]:80  2001:db8::31  web      close    3s       7s  persistent"
    assert second.index("[2001:db8::24]") == first.index("[2001:db8::24]")
    assert second.split()[3:5] == ["?", "?"]
