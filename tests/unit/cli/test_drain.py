"""`carom drain`: counted down until it is safe to reboot."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from carom.cli import drain
from carom.cli.drain import Left, left
from carom.errors import RefusedError
from tests.unit.cli.directors import run, said
from tests.unit.directors import ONE, director, until

ASKED = ("drain", "web", "192.168.76.31")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "LOOK_EVERY", 0.05)


def test_it_counts_down_and_says_when_it_is_safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "TELL_EVERY", 1)
    monkeypatch.setattr("carom.engine.READ_EVERY", 0.05)
    with director(tmp_path) as it:
        it.plane.active[ONE] = 3
        until(lambda: it.client.get("/v1/status")["services"][0]["reals"][0]["active"] == 3)
        timer = threading.Timer(0.4, it.plane.active.clear)
        timer.start()
        lines = said(it, *ASKED)
        timer.join()
        assert lines[0] == "3 connections left"
        assert lines[-1].startswith("safe to reboot: no connection is left after ")
        assert it.client.get("/v1/status")["services"][0]["reals"][0]["state"] == "draining"


def test_a_deadline_that_comes_first_ends_with_1(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        it.plane.active[ONE] = 3
        until(lambda: it.client.get("/v1/status")["services"][0]["reals"][0]["active"] == 3)
        result = run(it, *ASKED, "--deadline", "300ms")
        assert result.exit_code == 1
        assert result.output.splitlines()[-1] == "the deadline is over: 3 connections left, and it is out of service"
        until(lambda: it.client.get("/v1/status")["services"][0]["reals"][0]["state"] == "down")


def test_it_need_not_be_waited_for(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        it.plane.active[ONE] = 3
        assert said(it, *ASKED, "--no-wait") == ["web 192.168.76.31 drains"]


def test_programs_get_one_document(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        [line] = said(it, *ASKED, "--json")
        found = json.loads(line)
        assert (found["safe"], found["active"]) == (True, 0)


@pytest.mark.parametrize(
    ("arguments", "code"), [(("drain", "shop", "192.168.76.31"), 1), ((*ASKED, "--deadline", "soon"), 2)]
)
def test_what_cannot_be_drained_is_said(tmp_path: Path, arguments: tuple[str, ...], code: int) -> None:
    with director(tmp_path) as it:
        assert run(it, *arguments).exit_code == code


def status(*ports: str, **real: object) -> dict[str, object]:
    one = {"address": "192.168.76.31", "active": 2, "inactive": 5, "override": {}, "state": "draining", **real}
    return {"services": [{"name": "web", "ports": ports, "reals": [one]}]}


def test_what_is_closing_would_be_missed_only_without_connections() -> None:
    assert left(status("tcp/80"), "web", "192.168.76.31").words == "2 connections left, 5 more closing"
    assert left(status("tcp/80", "udp/53"), "web", "192.168.76.31").words == "7 connections left"
    assert Left(1, 0, 1).words == "1 connection left"


def test_one_that_somebody_took_back_is_waited_for_no_longer() -> None:
    with pytest.raises(RefusedError, match="somebody has taken it back"):
        left(status("tcp/80", override=None), "web", "192.168.76.31")


def test_one_that_the_configuration_has_dropped_leaves_and_is_gone() -> None:
    leaving = status("tcp/80", override=None, state="leaving")
    assert left(leaving, "web", "192.168.76.31").counts == 2
    assert left(leaving, "web", "192.168.76.99").counts == 0
