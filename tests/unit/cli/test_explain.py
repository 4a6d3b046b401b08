"""`carom explain`: what a person reads, of a director and of a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from carom.cli.main import carom
from carom.dataplane.fake.walk import walk
from tests.dataplane.frames import tcp
from tests.unit.cli.directors import run
from tests.unit.directors import CONFIG, FAULTY, OWN, Director, director

HERE = ("--from", "203.0.113.7:41000", "--to", "192.168.76.24:80/tcp")


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Director]:
    with director(tmp_path_factory.mktemp("director")) as one:
        yield one


def dry(file: Path, text: str, *arguments: str) -> Result:
    file.write_text(text)
    return CliRunner().invoke(carom, ["explain", *(arguments or HERE), "--dry", str(file)])


def test_a_director_is_asked(it: Director) -> None:
    result = run(it, "explain", *HERE)
    lines = result.output.splitlines()
    assert result.exit_code == 0
    assert lines[0] == "203.0.113.7:41000 → 192.168.76.24:80/tcp"
    assert lines[1] == "service    web, by tcp/80; wrr"
    assert lines[2] == "flow       none"
    assert [line.split() for line in lines[4:7]] == [
        ["CANDIDATE", "WEIGHT", "ACTIVE", "INACTIVE", "OVERHEAD", "SCORE"],
        [">", "192.168.76.32", "2", "0", "0", "0"],
        ["192.168.76.31", "1", "0", "0", "0"],
    ]
    assert lines[8:] == [
        "to 192.168.76.32 (02:00:c0:a8:4c:20)",
        "  wrr chooses 192.168.76.32: in turn, by weight",
    ]


def test_then_the_flow_is_known(it: Director) -> None:
    walk(it.plane, tcp("203.0.113.7:1", "192.168.76.24:80", "S", mac=OWN))
    result = run(it, "explain", "--from", "203.0.113.7:1", "--to", "192.168.76.24:80")
    assert "flow       on 192.168.76.32: syn-recv, idle 0s, expires in 1m00s" in result.output
    assert result.output.splitlines()[-1].endswith(
        "the flow is known (syn-recv, last packet 0 s ago) and stays with 192.168.76.32"
    )


def test_a_document_for_programs(it: Director) -> None:
    found = json.loads(run(it, "explain", *HERE, "--json").output)
    assert (found["verdict"], found["step"], found["real"]) == ("forwarded", "scheduled", "192.168.76.32")


def test_one_that_goes_nowhere_ends_with_1(it: Director) -> None:
    result = run(it, "explain", "--from", "203.0.113.7:1", "--to", "192.168.76.24:81/tcp")
    assert result.exit_code == 1
    assert result.output.splitlines()[-2:] == [
        "no service",
        "  no service has tcp/81 of 192.168.76.24, only tcp/80: the packet is left to the host",
    ]


def test_what_makes_no_sense_is_wrong_usage(it: Director, tmp_path: Path) -> None:
    result = run(it, "explain", "--from", "203.0.113.7", "--to", "192.168.76.24:81/tcp")
    assert result.exit_code == 2
    assert result.output.startswith("carom: from: '203.0.113.7' is no address with a port")
    assert dry(tmp_path / "c.toml", CONFIG, "--from", "x", "--to", "192.168.76.24:81").exit_code == 2


def test_a_file_answers_as_a_director_that_has_just_begun(it: Director, tmp_path: Path) -> None:
    result = dry(tmp_path / "carom.toml", CONFIG)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert "flow" not in result.output, "it knows of none"
    assert lines[-2:] == ["to 192.168.76.32", "  wrr chooses 192.168.76.32: in turn, by weight"]


def test_a_faulty_file_is_refused_with_its_faults(tmp_path: Path) -> None:
    result = dry(tmp_path / "carom.toml", FAULTY)
    assert result.exit_code == 1
    assert "carom.toml:8: " in result.output


@pytest.mark.parametrize(("vlan", "words"), [(20, "VLAN 20"), (0, "untagged")])
def test_the_tag_with_which_it_leaves_is_named(tmp_path: Path, vlan: int, words: str) -> None:
    text = CONFIG.replace("weight = 2", f"weight = 2, vlan = {vlan}")
    assert dry(tmp_path / "carom.toml", text).output.splitlines()[-2] == f"to 192.168.76.32 ({words})"


def test_a_quiesced_one_is_named(tmp_path: Path) -> None:
    text = CONFIG.replace("weight = 2", "weight = 0")
    result = dry(tmp_path / "carom.toml", text)
    assert "192.168.76.32       0       0         0         0         has weight 0: no new connections" in result.output
    assert result.output.splitlines()[-2] == "to 192.168.76.31"
