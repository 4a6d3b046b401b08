"""The table of faults."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from carom.errors import LabError
from carom.lab.faults import FAULTS, find
from carom.lab.network import NODES, Role


def test_every_fault_is_one_hyphenated_word_and_has_a_sentence() -> None:
    for name, fault in FAULTS.items():
        assert name == fault.name
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)
        assert fault.about.endswith(".")


def test_there_are_faults_for_every_kind_of_node_that_the_doctor_can_say_something_of() -> None:
    assert {fault.role for fault in FAULTS.values()} == {Role.REAL, Role.GATEWAY, Role.DIRECTOR}


def test_the_documentation_names_every_fault_with_its_finding() -> None:
    page = (Path(__file__).parents[3] / "docs/doctor.md").read_text()
    rows = re.findall(r"^\| `([a-z-]+)` \| [a-z0-9, ]+ \| `([a-z-]+)` \|$", page, re.MULTILINE)
    assert rows == [(fault.name, fault.finding) for fault in FAULTS.values()]


def test_a_fault_that_is_not_there_is_named() -> None:
    with pytest.raises(LabError, match=r"there is no fault `no-arp-ignor`; did you mean `no-arp-ignore`\?"):
        find("no-arp-ignor", NODES["real1"])
    with pytest.raises(LabError, match="there is no fault `xyzzy`; `carom lab faults` lists them"):
        find("xyzzy", NODES["real1"])


def test_a_fault_on_a_node_that_it_does_not_happen_to_is_refused_with_those_that_it_does() -> None:
    with pytest.raises(LabError, match="`no-vip` does not happen to a gateway: break one of real1, real2, real3 with"):
        find("no-vip", NODES["gateway1"])
