"""`carom demo`: what it promises, on real traffic."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from carom.cli.main import carom as program
from carom.lab import standing
from carom.lab.demo import DOWNLOAD, REQUESTS
from tests.net.conftest import Carom
from tests.net.labs import traces_of


@pytest.fixture(scope="module")
def shown(carom: Carom) -> dict[str, Any]:
    done = carom("demo", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_every_request_is_answered_and_the_spread_is_that_of_the_weights(shown: dict[str, Any]) -> None:
    assert (shown["ok"], shown["problems"]) == (True, [])
    assert (shown["requests"], shown["failed"]) == (REQUESTS, 0)
    for real, share in {"real1": 150, "real2": 100, "real3": 50}.items():
        assert abs(shown["by_real"][real] - share) <= 0.02 * REQUESTS
    assert shown["download"]["bytes"] == DOWNLOAD


def test_the_director_alone_answers_for_the_vip(shown: dict[str, Any]) -> None:
    assert shown["arp_owner"] == "director"
    assert shown["arp_answers"] == {"02:00:00:00:76:10": "director"}


def test_no_reply_passes_the_director_and_all_go_home_by_both_gateways(shown: dict[str, Any]) -> None:
    assert shown["reply_bytes_through_director"] == 0
    assert sum(shown["reply_bytes_home"].values()) > DOWNLOAD
    for gateway, sent in shown["gateway_tx_bytes"].items():
        assert sent >= shown["reply_bytes_home"][gateway] > 50 * 300  # at least real3's fifty answers


def test_what_goes_into_the_director_comes_out_of_it_and_is_little(shown: dict[str, Any]) -> None:
    received, sent = shown["director_rx_bytes"], shown["director_tx_bytes"]
    assert 0 < received < 1.1 * sent
    assert 0 < sent < 1.1 * received, "it sends its own health checks besides"
    assert shown["director_rx_bytes"] < DOWNLOAD / 10


def test_the_program_runs_in_the_driver(shown: dict[str, Any]) -> None:
    assert shown["xdp_mode"] == "native"


def test_a_person_sees_the_network_the_spread_and_how_to_go_on(carom: Carom) -> None:
    done = carom("demo")
    assert (done.returncode, done.stderr) == (0, "")
    for word in ("gateway2", "300 of 300 answered", "0 bytes of replies passed the director", "carom lab up"):
        assert word in done.stdout
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_two_run_side_by_side() -> None:
    command = [sys.executable, "-m", "carom", "demo", "--json"]
    both = [subprocess.Popen(command, stdout=-1, stderr=-1, text=True) for _ in range(2)]
    for demo in both:
        output, errors = demo.communicate(timeout=60)
        assert (demo.returncode, errors) == (0, "")
        assert json.loads(output)["by_real"] == {"real1": 150, "real2": 100, "real3": 50}


@pytest.fixture
def half_way() -> Iterator[subprocess.Popen[str]]:
    """A demo that is sending its requests."""
    with subprocess.Popen([sys.executable, "-m", "carom", "demo"], stdout=-1, text=True, bufsize=1) as demo:
        assert demo.stdout is not None
        assert any("300 requests" in line for line in demo.stdout)
        yield demo
        demo.kill()


def lab_of(demo: subprocess.Popen[str]) -> str:
    """The name of the lab whose lock this process holds."""
    return next(lock.split("/")[-2] for lock in open_files(demo) if lock.startswith(str(standing.ROOT)))


def open_files(process: subprocess.Popen[str]) -> Iterator[str]:
    """What its descriptors stand for; one may be closed while we look."""
    folder = f"/proc/{process.pid}/fd"
    for descriptor in os.listdir(folder):  # noqa: PTH208 - names are all that is wanted
        with contextlib.suppress(FileNotFoundError):
            target = os.readlink(f"{folder}/{descriptor}")  # noqa: PTH115 - pipes are no paths
            if target.endswith("/lock") or not target.startswith(str(standing.ROOT)):
                yield target


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_it_leaves_nothing(half_way: subprocess.Popen[str], end: signal.Signals) -> None:
    lab = lab_of(half_way)
    half_way.send_signal(end)
    assert half_way.wait(timeout=10) == 130
    assert traces_of(lab) == []


def test_killed_outright_it_leaves_what_the_next_removes(half_way: subprocess.Popen[str], carom: Carom) -> None:
    lab = lab_of(half_way)
    half_way.kill()
    half_way.wait()
    assert traces_of(lab)
    assert carom("demo", "--json").returncode == 0
    assert traces_of(lab) == []


def test_without_root_it_says_so_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    result = CliRunner().invoke(program, ["demo", "--json"])
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "carom: the lab makes network namespaces, and that needs root: run it with sudo\n"
