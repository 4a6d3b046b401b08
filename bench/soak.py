"""Everything that an operator does to a director, while clients look on: no request may fail, no connection be lost.

    sudo ./dev soak [--short] [--json]

In the lab, nginx on each real server, wrk as the clients (kept connections and fresh ones) and 200 long connections
that ask once a second, all of this is done to `caromd`: it is killed and started again, replaced by a build with
another packet program, by one whose maps have another layout, and by the first one again, made to apply one
configuration after the other (weights, real servers, services, schedulers), and each real server is drained in turn.
Exit code 1 if anything was lost.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import hatch_build
from bench import otherbuild
from carom.client import Client
from carom.lab import director, namespaces, standing, wait
from carom.lab.network import REALS, VIP, Wire
from carom.lab.standing import Lab

LONG_LIVED = 200
ASK_EVERY = 1.0
"""Seconds between two requests of a long connection."""
CONFIGURATION = """\
[director]
interface = "eth0"

[[service]]
name = "web"
vip = "{vip}"
ports = ["tcp/80"]
scheduler = "{scheduler}"
reals = [{reals}]

[service.check]
every = 0.5
timeout = 0.4
{more}"""
MORE = """
[[service]]
name = "more{number}"
vip = "{vip}"
ports = ["tcp/{port}"]
reals = ["{real}"]
check = false
"""
NGINX = """
daemon off; user root; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 600;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen {vip}:80 backlog=4096; location / {{ return 200 "{name}\\n"; }} }}
}}
"""
REPORT = """
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\\n{"requests": %d, "failed": %d}\\n',
    summary.requests, e.connect + e.read + e.write + e.status + e.timeout))
end
"""
SCHEDULERS = ("wrr", "mh", "wlc")
"""From one to the next: those that count remember every connection, a hash none."""
SETTLED = 0.2
"""Seconds between two disturbances."""
DRAINED = 2.0
"""Seconds for which a drained real server is watched: it must get nothing new."""


class Clients:
    """All that asks meanwhile."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self._lab, self._folder = lab, folder
        self._stop = threading.Event()
        self.long: Counter[str] = Counter()
        """Requests and failures of the long connections, by what went wrong."""
        self._threads = [threading.Thread(target=self._ask_forever) for _ in range(8)]
        self._connections = [self._connect() for _ in range(LONG_LIVED)]
        (folder / "report.lua").write_text(REPORT)
        self._wrk = [self._start_wrk("-c8"), self._start_wrk("-c4", "-H", "Connection: close")]
        for thread in self._threads:
            thread.start()

    def _connect(self) -> HTTPConnection:
        connection = HTTPConnection(str(VIP), 80)
        connection.sock = namespaces.inside(self._lab.namespace("client"), socket.socket)
        connection.sock.settimeout(5)
        connection.sock.connect((str(VIP), 80))
        return connection

    def _start_wrk(self, *options: str) -> subprocess.Popen[str]:
        command = ["nice", "wrk", "-t1", "-d3600s", "-s", str(self._folder / "report.lua"), *options, f"http://{VIP}/"]
        start = partial(subprocess.Popen, command, stdout=subprocess.PIPE, text=True)
        return namespaces.inside(self._lab.namespace("client"), start)

    def _ask_forever(self) -> None:
        """One of several threads, each with its share of the long connections."""
        share = self._connections[self._threads.index(threading.current_thread()) :: len(self._threads)]
        alive = list(share)
        while not self._stop.is_set():
            began = time.monotonic()
            for connection in list(alive):
                try:
                    connection.request("GET", "/")
                    connection.getresponse().read()
                    self.long["requests"] += 1
                except (OSError, HTTPException) as error:
                    self.long["reset" if isinstance(error, ConnectionError) else "failed"] += 1
                    alive.remove(connection)
            self._stop.wait(max(0.0, began + ASK_EVERY - time.monotonic()))

    def finish(self) -> dict[str, int]:
        """Stop asking; what was asked, and what was lost."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        found = Counter(requests=self.long["requests"], failed_requests=self.long["failed"] + self.long["reset"])
        for wrk in self._wrk:
            wrk.send_signal(signal.SIGINT)
            report = json.loads(wrk.communicate(timeout=30)[0].splitlines()[-1])
            found["requests"] += report["requests"]
            found["failed_requests"] += report["failed"]
        for connection in self._connections:
            connection.close()
        return {"reset_connections": self.long["reset"], **found}


class Soak:
    """The director, and what is done to it."""

    def __init__(self, lab: Lab, folder: Path, say: Callable[[str], None]) -> None:
        self._lab, self._folder, self._say = lab, folder, say
        self.client = Client(lab.socket)
        self.done: Counter[str] = Counter(kills=0, upgrades=0, applies=0, drains=0)
        self.tags: list[str] = []
        self._source = Path(hatch_build.ROOT / "src")
        self._start()

    def _start(self) -> None:
        command = [sys.executable, "-m", "carom.daemon", *director.arguments(self._lab)]
        environment = ["env", f"PYTHONPATH={self._source}"]
        self._daemon = self._lab.spawn("director", [*environment, *command], "caromd")
        director.wait_until_ready(self._lab, self._daemon)

    def kill(self) -> None:
        """End the daemon at once, and start it again."""
        os.kill(self._daemon.pid, signal.SIGKILL)
        self._daemon.wait()
        self._start()
        self.done["kills"] += 1

    def upgrade(self) -> None:
        """Replace it by a build whose packet program is another."""
        self._replace_by(otherbuild.with_another_program)

    def upgrade_layout(self) -> None:
        """Replace it by a build whose maps have another layout, and that by this one again."""
        self._replace_by(otherbuild.with_another_layout)
        self._source = Path(hatch_build.ROOT / "src")
        self._restart()

    def _replace_by(self, build: Callable[[Path], Path]) -> None:
        tree = build(self._folder / f"build{self.done['upgrades']}")
        self.tags.append(self._tag())
        self._source = tree / "src"
        self._restart()

    def _restart(self) -> None:
        self._daemon.send_signal(signal.SIGTERM)
        self._daemon.wait(15)
        self._start()
        self.tags.append(self._tag())
        self.done["upgrades"] += 1

    def _tag(self) -> str:
        show = partial(subprocess.check_output, ["ip", "-j", "-d", "link", "show", "eth0"], text=True)
        [link] = json.loads(namespaces.inside(self._lab.namespace("director"), show))
        return str(link["xdp"]["prog"]["tag"])

    def apply(self, number: int) -> None:
        """One more configuration: other weights, now and then a real server less, and services that come and go."""
        self.client.post("/v1/apply", {"text": configuration(number)})
        self.done["applies"] += 1

    def drain(self, real: str) -> None:
        """Take a real server out, see that it gets nothing new, and put it back."""
        said = {"service": "web", "real": real}
        self.client.post("/v1/drain", said)
        time.sleep(2 * SETTLED + 1)
        before = self._new_flows(real)
        time.sleep(DRAINED)
        if new := self._new_flows(real) - before:
            self._say(f"{real} got {new} new connections while it was drained")
            self.done["leaks"] += new
        self.client.post("/v1/undrain", said)
        self.done["drains"] += 1

    def _new_flows(self, real: str) -> int:
        reals = self.client.get("/v1/status")["services"][0]["reals"]
        return next(int(one["new_flows"]) for one in reals if one["address"] == real)


def addresses() -> list[str]:
    return [str(node.nic(Wire.SEGMENT).addresses[0].ip) for node in REALS]


def configuration(number: int) -> str:
    """The number-th: 0 has all real servers, and no other service."""
    reals = addresses()
    if number % 10 == 7:
        reals.pop(number // 10 % len(reals))
    weights = [1 + (number * (place + 1)) % 5 for place in range(len(reals))]
    text = ", ".join(
        f'{{ address = "{real}", weight = {weight} }}' for real, weight in zip(reals, weights, strict=True)
    )
    more = "".join(
        MORE.format(number=place, vip=VIP, port=8000 + place, real=reals[place % len(reals)])
        for place in range(number % 4)
    )
    return CONFIGURATION.format(vip=VIP, scheduler=SCHEDULERS[number // 5 % len(SCHEDULERS)], reals=text, more=more)


@contextmanager
def stand(folder: Path) -> Iterator[Lab]:
    """The lab, with nginx on its real servers."""
    with standing.temporary(standing.fresh_name("soak"), (VIP,), configuration(0)) as lab:
        for node in REALS:
            own = folder / node.name
            own.mkdir()
            (own / "nginx.conf").write_text(NGINX.format(folder=own, name=node.name, vip=VIP))
            lab.spawn(
                node.name, ["nginx", "-c", str(own / "nginx.conf"), "-e", str(own / "error.log")], f"nginx-{node.name}"
            )
            if not wait.until(partial(_listens, lab.namespace(node.name)), 10):
                raise SystemExit(f"nginx on {node.name} does not listen: {lab.log(f'nginx-{node.name}').read_text()}")
        yield lab


def _listens(namespace: str) -> bool:
    with namespaces.inside(namespace, socket.socket) as probe:
        return probe.connect_ex((str(VIP), 80)) == 0


def run(*, short: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """All of it; what was done, and what was lost."""
    kills, applies = (3, 20) if short else (20, 200)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name, stand(Path(name)) as lab:
        soak = Soak(lab, Path(name), say)
        clients = Clients(lab, Path(name))
        time.sleep(1)
        for number in range(kills):
            say(f"killed and started again, {number + 1} of {kills}")
            soak.kill()
        say("replaced by another build")
        soak.upgrade()
        say("replaced by a build with another layout of maps, and back")
        soak.upgrade_layout()
        for number in range(1, applies + 1):
            if number % 10 == 0:
                say(f"configuration {number} of {applies}")
            soak.apply(number)
            time.sleep(SETTLED)
        soak.client.post("/v1/apply", {"text": configuration(0)})
        for real in addresses():
            say(f"{real} drained")
            soak.drain(real)
        lost = clients.finish()
        return {**lost, **soak.done, "program_tags": soak.tags, "seconds": round(time.monotonic() - began, 1)}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./dev soak", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="3 kills and 20 configurations instead of 20 and 200")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else on stdout")
    options = parser.parse_args()
    found = run(short=options.short, say=lambda words: print(f"soak: {words}", file=sys.stderr))  # noqa: T201
    sys.stdout.write(json.dumps(found) + "\n" if options.json else "".join(f"{n:>18}  {v}\n" for n, v in found.items()))
    return 1 if found["failed_requests"] or found["reset_connections"] or found.get("leaks") else 0


if __name__ == "__main__":
    raise SystemExit(main())
