"""Findings as people read them."""

from __future__ import annotations

import os
import sys

import click
import pytest

from carom.cli.findings import summary, text
from carom.finding import Finding, Verdict

LEAK = Finding("arp-ignore", "192.168.76.24", Verdict.FAULT, "it answers", "join it", "192.168.76.32")
SMALL = Finding("mtu", "192.168.76.32", Verdict.WARNING, "1300 bytes", "ip link set", "192.168.76.32")
WELL = Finding("xdp", "eth0", Verdict.OK, "native")
UNSEEN = Finding("service", "192.168.76.24", Verdict.UNKNOWN, "no way", server="192.168.76.33")


def test_each_finding_says_where_and_what_to_do() -> None:
    assert [click.unstyle(line) for line in text((LEAK, SMALL), (LEAK, SMALL, WELL))] == [
        "fault    arp-ignore  192.168.76.24 on 192.168.76.32: it answers",
        "                     remedy: join it",
        "warning  mtu         192.168.76.32: 1300 bytes",
        "                     remedy: ip link set",
        "",
        "2 things to mend: 3 looked at, 1 of them well.",
    ]


def test_where_nothing_is_wrong_one_line_says_so() -> None:
    assert list(text((), (WELL,))) == ["All is well: 1 looked at, 1 of them well."]


def test_what_could_not_be_looked_at_is_counted() -> None:
    assert summary((WELL, UNSEEN)) == "All is well: 2 looked at, 1 of them well, 1 that could not be looked at."
    assert summary((LEAK, UNSEEN)).startswith("1 thing to mend: ")


def test_on_a_terminal_lines_are_broken_where_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("carom.cli.findings.shutil.get_terminal_size", lambda: os.terminal_size((64, 24)))
    long = Finding(
        "mtu", "192.168.76.32", Verdict.WARNING, "it takes 1,300 bytes, and the director sends 1,500 of them"
    )
    assert [click.unstyle(line) for line in text((long,), (long,))] == [
        "warning  mtu  192.168.76.32: it takes 1,300 bytes, and the",
        "              director sends 1,500 of them",
        "",
        "1 thing to mend: 1 looked at, 0 of them well.",
    ]
