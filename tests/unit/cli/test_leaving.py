"""Before a real server leaves: who is drained, how long is waited, and when nothing is done at all."""

from __future__ import annotations

import hashlib
import time
from ipaddress import ip_address
from pathlib import Path

import pytest

from carom.cli import leaving
from carom.cli.leaving import Drained, clients, drain
from carom.client import Client
from carom.errors import RefusedError, UnreachableError, WishError
from tests.unit.directors import ONE, Director, director

VIP = ip_address("192.168.76.24")


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, "LOOK_EVERY", 0.01)


def drained(it: Director) -> set[str]:
    [service] = it.client.get("/v1/status")["services"]
    return {real["address"] for real in service["reals"] if real["override"] is not None}


def busy(it: Director, connections: int) -> None:
    """The first real server has so many, and the director has seen it: it counts once a second."""
    it.plane.active[ONE] = connections
    end = time.monotonic() + 10
    while it.client.get("/v1/status")["services"][0]["reals"][0]["active"] != connections:
        assert time.monotonic() < end


def test_this_host_alone_is_drained_and_its_connections_are_waited_for(tmp_path: Path) -> None:
    said: list[str] = []
    with director(tmp_path) as it:
        busy(it, 3)

        def say(line: str) -> None:
            said.append(line)
            it.plane.active.clear()  # they end when no more come

        found = drain([it.client], [VIP], [ONE, ip_address("10.0.0.1")], 30, say)
        assert drained(it) == {str(ONE)}
    assert found == [Drained(str(it.socket), "web", str(ONE), 0)]
    assert said == [f"draining web {ONE} on {it.socket}", "no connection is left"]


def test_when_the_time_is_over_it_says_how_many_connections_are_cut(tmp_path: Path) -> None:
    said: list[str] = []
    with director(tmp_path) as it:
        busy(it, 3)
        [found] = drain([it.client], [VIP], [ONE], 0.1, said.append)
    assert (found.left, said[-1]) == (3, "the time is over: 3 connections are cut")


def test_a_host_that_is_sent_nothing_is_not_waited_for(tmp_path: Path) -> None:
    said: list[str] = []
    with director(tmp_path) as it:
        assert drain([it.client], [VIP], [ip_address("192.168.76.99")], 30, said.append) == []
        assert drain([it.client], [ip_address("192.168.76.25")], [ONE], 30, said.append) == []
        assert drained(it) == set()
    assert said == [
        f"{it.socket} sends nothing to this host for {VIP}",
        f"{it.socket} sends nothing to this host for 192.168.76.25",
    ]


def test_of_two_directors_neither_is_told_if_one_cannot_be_asked(tmp_path: Path) -> None:
    with director(tmp_path) as it:
        with pytest.raises(UnreachableError):
            drain([it.client, Client(tmp_path / "nobody")], [VIP], [ONE], 30, lambda _: None)
        assert drained(it) == set()


@pytest.mark.parametrize(("may", "refusal"), [("write", ""), ("read", "token real1 may look, not change")])
def test_over_the_network_it_takes_a_token_that_may_write(tmp_path: Path, may: str, refusal: str) -> None:
    digest = hashlib.sha256(b"open sesame").hexdigest()
    (tmp_path / "tokens").write_text(f"real1 {may} {digest}\n")
    (tmp_path / "token").write_text("open sesame\n")
    with director(tmp_path) as it:
        asked = clients([f"https://localhost:{it.port}"], tmp_path / "token", tmp_path / "localhost1.crt")
        if refusal:
            with pytest.raises(RefusedError, match=refusal):
                drain(asked, [VIP], [ONE], 30, lambda _: None)
            assert drained(it) == set()
        else:
            [found] = drain(asked, [VIP], [ONE], 30, lambda _: None)
            assert (found.director, found.left, drained(it)) == (f"https://localhost:{it.port}", 0, {str(ONE)})


@pytest.mark.parametrize("url", ["192.0.2.1", "http://192.0.2.1:3636", "https://192.0.2.1", "https://192.0.2.1:x"])
def test_what_is_no_director(url: str) -> None:
    with pytest.raises(WishError, match="is no director: write https://ADDRESS:PORT"):
        clients([url], None, None)


def test_over_the_network_a_token_is_needed(tmp_path: Path) -> None:
    with pytest.raises(WishError, match="name the file that holds one with --token-file"):
        clients(["https://192.0.2.1:3636"], None, None)
    with pytest.raises(WishError, match="token cannot be read"):
        clients(["https://192.0.2.1:3636"], tmp_path / "token", None)
    (tmp_path / "token").write_text("open sesame\n")
    [client] = clients(["https://[2001:db8::1]:3636"], tmp_path / "token", None)
    assert str(client) == "https://[2001:db8::1]:3636"
