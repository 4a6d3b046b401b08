"""nginx as the real servers, wrk as the client, at full speed: no error, not even when the daemon is killed.

CAROM_WRK_SECONDS is how long each run takes; 3 unless it says otherwise.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

import pytest

from carom.client import Client
from carom.lab import director, namespaces, standing, wait
from carom.lab.network import REALS, VIP
from carom.lab.standing import Lab

SECONDS = int(os.environ.get("CAROM_WRK_SECONDS", "3"))
LONG_LIVED = 60
"""Connections held open across a restart."""

pytestmark = pytest.mark.timeout(4 * SECONDS + 60)

NGINX = """
daemon off;
user root;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen {vip}:80 backlog=4096; location / {{ return 200 "{name}\\n"; }} }}
}}
"""

REPORT = """
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\\n{"requests": %d, "connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d}\\n',
    summary.requests, e.connect, e.read, e.write, e.status, e.timeout))
end
"""


@dataclass
class Stand:
    """A lab at work, with nginx on its real servers."""

    lab: Lab
    daemon: subprocess.Popen[bytes]

    @property
    def client(self) -> str:
        return self.lab.namespace("client")

    def restart(self) -> director.Status:
        """Start the daemon again, and wait until it is ready."""
        self.daemon = director.start(self.lab)
        return director.wait_until_ready(self.lab, self.daemon)


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    for program in ("nginx", "wrk"):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}, which is not installed")
    with standing.temporary(standing.fresh_name("wrk"), (VIP,), director.configuration((3, 2, 1))) as lab:
        for real in REALS:
            start_nginx(lab, real.name, tmp_path_factory.mktemp(real.name))
        daemon = director.start(lab)
        director.wait_until_ready(lab, daemon)
        yield Stand(lab, daemon)


def start_nginx(lab: Lab, real: str, folder: Path) -> None:
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, name=real, vip=VIP))
    lab.spawn(real, ["nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")], f"nginx-{real}")

    def listens() -> bool:
        with namespaces.inside(lab.namespace(real), socket.socket) as probe:
            return probe.connect_ex((str(VIP), 80)) == 0

    assert wait.until(listens, 10), lab.log(f"nginx-{real}").read_text()


def start_wrk(stand: Stand, folder: Path, *options: str) -> subprocess.Popen[str]:
    """Start it; it runs until it is asked for its report."""
    (folder / "report.lua").write_text(REPORT)
    command = ["wrk", "-t1", "-d600s", "-s", str(folder / "report.lua"), *options, f"http://{VIP}/"]
    start = partial(subprocess.Popen, command, stdout=subprocess.PIPE, text=True)
    return namespaces.inside(stand.client, start)


def report_of(wrk: subprocess.Popen[str]) -> dict[str, int]:
    """Requests and errors, after SECONDS more."""
    with suppress(subprocess.TimeoutExpired):
        wrk.wait(SECONDS)
    wrk.send_signal(signal.SIGINT)
    output, _ = wrk.communicate(timeout=30)
    report: dict[str, int] = json.loads(output.splitlines()[-1])
    print(report)  # noqa: T201 - for pytest -rP
    return report


def errors_of(report: dict[str, int]) -> dict[str, int]:
    return {kind: count for kind, count in report.items() if kind != "requests" and count}


@pytest.fixture
def held(stand: Stand) -> Iterator[list[HTTPConnection]]:
    """Connections that have had one answer each and stay open."""
    with ExitStack() as opened:
        connections = []
        for _ in range(LONG_LIVED):
            connection = HTTPConnection(str(VIP), 80)
            connection.sock = namespaces.inside(stand.client, socket.socket)
            connection.sock.settimeout(5)
            connection.sock.connect((str(VIP), 80))
            connections.append(opened.enter_context(closing(connection)))
        yield connections


def who(connection: HTTPConnection) -> str:
    """The real server that answers on this very connection."""
    mine = connection.sock
    connection.request("GET", "/")
    answer = connection.getresponse().read().decode().strip()
    assert connection.sock is mine  # it was not closed and opened again
    return answer


def test_at_full_speed_on_connections_that_stay_open(stand: Stand, tmp_path: Path) -> None:
    report = report_of(start_wrk(stand, tmp_path, "-c64"))
    assert report["requests"] > 1000 * SECONDS
    assert errors_of(report) == {}


def test_at_full_speed_on_a_fresh_connection_for_each_request(stand: Stand, tmp_path: Path) -> None:
    report = report_of(start_wrk(stand, tmp_path, "-c16", "-H", "Connection: close"))
    assert report["requests"] > 100 * SECONDS
    assert errors_of(report) == {}


def test_the_daemon_is_killed_and_started_again_and_no_connection_notices(
    stand: Stand, held: list[HTTPConnection], tmp_path: Path
) -> None:
    before = [who(connection) for connection in held]
    assert set(before) == {"real1", "real2", "real3"}

    wrk = start_wrk(stand, tmp_path, "-c64")
    assert [who(connection) for connection in held] == before  # wrk is running
    stand.daemon.kill()
    stand.daemon.wait()
    assert [who(connection) for connection in held] == before  # with no daemon at all
    status = stand.restart()
    assert status["director"]["taken_over"] is True
    assert [who(connection) for connection in held] == before  # with another daemon
    assert wrk.poll() is None

    report = report_of(wrk)
    assert report["requests"] > 1000 * SECONDS
    assert errors_of(report) == {}
    assert [who(connection) for connection in held] == before


def test_the_service_gets_other_names_and_schedulers_and_no_connection_notices(
    stand: Stand, held: list[HTTPConnection], tmp_path: Path
) -> None:
    config = Path(stand.lab.record.config)
    text, client = config.read_text(), Client(stand.lab.socket)
    before = [who(connection) for connection in held]
    wrk = start_wrk(stand, tmp_path, "-c64")
    for name, scheduler in (("shop", "mh"), ("kiosk", "wlc"), ("store", "sh"), ("stall", "mh"), ("web", "wrr")):
        config.write_text(text.replace('"web"', f'"{name}"').replace('"wrr"', f'"{scheduler}"'))
        stand.daemon.send_signal(signal.SIGHUP)
        assert wait.until(lambda: client.get("/v1/config")["text"] == config.read_text(), 10)
        assert [who(connection) for connection in held] == before, name
    report = report_of(wrk)
    assert report["requests"] > 1000 * SECONDS
    assert errors_of(report) == {}
    assert [who(connection) for connection in held] == before


def test_new_connections_are_spread_while_no_daemon_runs(stand: Stand) -> None:
    stand.daemon.kill()
    stand.daemon.wait()
    assert {get(stand) for _ in range(30)} == {"real1", "real2", "real3"}
    stand.restart()


def get(stand: Stand) -> str:
    """Who answers on a fresh connection."""
    with closing(HTTPConnection(str(VIP), 80)) as connection:
        connection.sock = namespaces.inside(stand.client, socket.socket)
        connection.sock.connect((str(VIP), 80))
        return who(connection)
