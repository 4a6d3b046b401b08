"""A director that is a real server itself: a request is left to its own host, which answers it without having the VIP.

The chapter's network with two of its real servers and the director, each behind the same VIP. And a second director of
the same, the first one's peer: what the first has balanced is not balanced again.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from carom.lab import director, standing, traffic, wait
from carom.lab.network import VIP, VIP6
from carom.lab.setup import OWN_ENDPOINTS, serve
from carom.lab.standing import Lab
from tests.net.labs import on

OWN = "192.168.76.10"
CONFIG = f"""\
[director]
interface = "eth0"
peers = ["192.168.76.31"]
watch = 0

[[service]]
name = "web"
vip = "{VIP}"
ports = ["tcp/80"]
scheduler = "rr"
reals = ["{OWN}", "192.168.76.32", "192.168.76.33"]
check = {{ kind = "http", every = "500ms", rise = 1, fall = 1 }}
"""
WITHIN = 15.0


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The director's own web server listens at its own address, and knows of no VIP."""
    root = tmp_path_factory.mktemp("host")
    with standing.temporary(standing.fresh_name("own"), (VIP, VIP6), CONFIG) as built, ExitStack() as held:
        serve(built, OWN_ENDPOINTS)
        web = built.spawn("director", [sys.executable, "-m", "carom.lab.webserver", "director", f"{OWN}:80"], "own-web")
        held.callback(web.kill)
        join(built, root)
        director.wait_until_ready(built, director.start(built))
        yield built


def join(lab: Lab, root: Path) -> None:
    """As the documents say: the director's host takes what is sent to the VIP without having it."""
    words = ["--method", "redirect", "--vip", str(VIP), "--port", "tcp/80", "--interface", "eth0", "--root", str(root)]
    on(lab, "director", sys.executable, "-m", "carom", "real-server", "join", *words)


def reasons(lab: Lab) -> dict[str, int]:
    return {reason["name"]: reason["packets"] for reason in director.status(lab.socket)["reasons"]}


def test_the_director_takes_its_share(lab: Lab) -> None:
    tally = traffic.send(lab.namespace("client"), VIP, 80, 30)
    assert (tally.failed, tally.by_real) == (0, {"director": 10, "real2": 10, "real3": 10})
    assert wait.until(lambda: reasons(lab)["local"] >= 50, WITHIN)
    reals = director.status(lab.socket)["services"][0]["reals"]
    assert next((real["address"], real["state"], real["mac"]) for real in reals) == (OWN, "up", None)
    assert wait.until(lambda: director.status(lab.socket)["services"][0]["reals"][0]["packets"] >= 50, WITHIN)


def test_its_own_health_is_checked_at_its_own_address(lab: Lab) -> None:
    """And theirs at the VIP, as ever: the host does not have it."""
    on(lab, "director", "nft", "add table inet block; add chain inet block c { type filter hook input priority 0; }")
    on(lab, "director", "nft", "add rule inet block c iif lo tcp dport 80 drop")
    try:
        assert wait.until(lambda: states(lab) == ["down", "up", "up"], WITHIN)
        tally = traffic.send(lab.namespace("client"), VIP, 80, 20)
        assert (tally.failed, tally.by_real) == (0, {"real2": 10, "real3": 10})
    finally:
        on(lab, "director", "nft", "delete table inet block")
    assert wait.until(lambda: states(lab) == ["up"] * 3, WITHIN)


def states(lab: Lab) -> list[str]:
    return [real["state"] for real in director.status(lab.socket)["services"][0]["reals"]]


def test_what_a_peer_has_balanced_is_left_to_the_host(lab: Lab) -> None:
    """real1 plays the peer: it hands every request for the VIP to the director, as one of its real servers."""
    before = reasons(lab)["from_peer"]
    on(lab, "real1", "ip", "address", "del", f"{VIP}/32", "dev", "lo")
    on(lab, "real1", "ip", "route", "add", f"{VIP}/32", "via", OWN)
    try:
        ask = ["curl", "-sS", "--max-time", "5", "-H", "Connection: close", *[f"http://{VIP}/"] * 12]
        said = on(lab, "real1", *ask).splitlines()
        assert {line.split()[0] for line in said} == {"director"}
        assert len(said) == 12
        assert wait.until(lambda: reasons(lab)["from_peer"] >= before + 48, WITHIN)
    finally:
        on(lab, "real1", "ip", "route", "del", f"{VIP}/32")
        on(lab, "real1", "ip", "address", "add", f"{VIP}/32", "dev", "lo")


def test_the_doctor_says_how_the_host_can_take_part(lab: Lab) -> None:
    command = [sys.executable, "-m", "carom", "doctor", "--config", lab.record.config, "--socket", str(lab.socket)]
    on(lab, "director", "ip", "address", "add", f"{VIP}/32", "dev", "lo")
    try:
        said = namespaced(lab, [*command, "--pins", str(lab.pins)])
    finally:
        on(lab, "director", "ip", "address", "del", f"{VIP}/32", "dev", "lo")
    assert "carom real-server join --method redirect" in said
    assert "local-vip" in said


def namespaced(lab: Lab, command: list[str]) -> str:
    """What it prints, well or not."""
    inside = ["nsenter", f"--net=/run/netns/{lab.namespace('director')}", "--", *command]
    return subprocess.run(inside, capture_output=True, text=True, timeout=60, check=False).stdout
