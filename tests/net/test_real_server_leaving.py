"""A real server that leaves by itself: the director drains it first, and nobody's connection breaks."""

from __future__ import annotations

import subprocess
import sys
from http.client import HTTPConnection

from carom.lab import director, namespaces, traffic, wait
from carom.lab.network import VIP
from carom.lab.standing import Lab
from tests.net.conftest import Carom
from tests.net.labs import on

RIP = "192.168.76.31"
NOTICED_WITHIN = 15.0


def test_it_leaves_when_its_last_connection_has_ended(working: Lab) -> None:
    join(working)
    connection = kept_open(working)
    leaving = leave(working, "--director", str(working.socket), "--within", "60s")
    try:
        assert wait.until(lambda: real(working)["override"], NOTICED_WITHIN), "the director was told"
        others = traffic.send(working.namespace("client"), VIP, 80, 20)
        assert (others.failed, set(others.by_real)) == (0, {"real2", "real3"}), "and sends it no more"
        assert leaving.poll() is None
        assert asked(connection) == "real1", "while the old connection goes on"
        assert has_the_vip(working)
        connection.close()
        said, errors = leaving.communicate(timeout=60)
    finally:
        leaving.kill()
        leaving.wait()
    assert (leaving.returncode, errors) == (0, "")
    assert said.startswith(f"draining web {RIP} on {working.socket}\nno connection is left\nundone")
    assert not has_the_vip(working)


def test_a_director_that_cannot_be_asked_leaves_everything_as_it_is(working: Lab) -> None:
    join(working)
    leaving = leave(working, "--director", str(working.directory / "nobody.sock"))
    said, errors = leaving.communicate(timeout=30)
    assert (leaving.returncode, said) == (1, "")
    assert "no director answers on" in errors
    assert "nothing was changed on this host; without --director it leaves at once" in errors
    assert has_the_vip(working)


def test_an_operator_takes_it_back_by_joining_and_undrain(working: Lab, carom: Carom) -> None:
    join(working)
    assert carom("undrain", "web", RIP, "--socket", str(working.socket)).returncode == 0
    assert wait.until(lambda: real(working)["up"], NOTICED_WITHIN)
    assert "real1" in traffic.send(working.namespace("client"), VIP, 80, 30).by_real


def join(lab: Lab) -> None:
    """By Carom's own hand: what the lab gave it goes first."""
    on(lab, "real1", "ip", "address", "flush", "dev", "lo", "to", f"{VIP}/32")
    on(lab, "real1", sys.executable, "-m", "carom", "real-server", "join", "--vip", str(VIP), "--port", "tcp/80")


def leave(lab: Lab, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "carom", "real-server", "leave", *options]

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return namespaces.inside(lab.namespace("real1"), start)


def has_the_vip(lab: Lab) -> bool:
    return f"{VIP}/32" in on(lab, "real1", "ip", "address", "show", "dev", "lo")


def kept_open(lab: Lab) -> HTTPConnection:
    """A connection of the client's to real1, which stays open."""
    while True:
        connection = namespaces.inside(lab.namespace("client"), connected)
        if asked(connection) == "real1":
            return connection
        connection.close()


def connected() -> HTTPConnection:
    connection = HTTPConnection(str(VIP), 80, timeout=5)
    connection.connect()
    return connection


def asked(connection: HTTPConnection) -> str:
    connection.request("GET", "/")
    with connection.getresponse() as response:
        response.read()
        return response.headers["Server"]


def real(lab: Lab) -> director.Status:
    [service] = director.status(lab.socket)["services"]
    return next(each for each in service["reals"] if each["address"] == RIP)
