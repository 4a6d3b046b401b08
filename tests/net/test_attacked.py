"""The API under attack: who sends slowly, who floods, who sends whatever its document allows and what it does not.

The real caromd answers on its unix socket and by TLS on loopback. Whatever is done to it there, root's status is
answered, a client's every connection through the director is served, and afterwards the daemon has no more files open
than before. CAROM_EXAMPLES says how much schemathesis asks of each call.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from carom.api.serve import CLIENTS, REQUEST_WITHIN, STRANGERS
from carom.client import Client
from carom.errors import ConfigError
from carom.lab.wait import until
from tests.net.segment import Segment, inside, rip, segment
from tests.net.test_daemon import CONFIG, DNS, Host
from tests.net.test_killed import bpffs_at
from tests.net.visitor import Visitor, visitor
from tests.unit.checks.certificates import certificate
from tests.unit.config.test_load import FAULTY

PORT = 3636
TOKENS = {"write": "attack", "read": "look"}
FLOOD_SECONDS = 3.0
EXAMPLES = os.environ.get("CAROM_EXAMPLES", "10")
RULES = """
# What no schema can say, each with the status of its refusal beside those that a good request may meet:
# that two ends are of one family,
[[operations]]
include-path = "/v1/explain"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400"]

# and which texts are sound configurations.
[[operations]]
include-path-regex = "^/v1/(plan|apply)$"
checks.positive_data_acceptance.expected-statuses = ["2xx", "409", "422"]
"""
MEMORY_MIB = 32
"""What the daemon may grow by, whatever is sent to it."""


@dataclass(frozen=True, slots=True)
class Attacked:
    """A director that answers on both sockets."""

    host: Host
    lan: Segment
    pid: int
    trust: Path
    visitor: Visitor

    @property
    def files(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    @property
    def memory(self) -> int:
        """Resident, MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) // 1024

    def by_unix(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(5)
        try:
            connection.connect(str(self.host.socket))
        except OSError:
            connection.close()
            raise
        return connection

    def by_tcp(self, within: float = 5) -> socket.socket:
        with inside(self.lan.director):
            return socket.create_connection(("127.0.0.1", PORT), within)

    def by_tls(self, within: float = 5) -> socket.socket:
        context = ssl.create_default_context(cafile=str(self.trust))
        context.check_hostname = False
        return context.wrap_socket(self.by_tcp(within))

    def answers(self) -> float:
        """Seconds that root's status takes."""
        began = time.monotonic()
        assert Client(self.host.socket, 10).get("/v1/status")["services"]
        return time.monotonic() - began

    def is_back_to(self, files: int) -> bool:
        return self.files <= files + 2

    def is_unharmed(self, files: int, memory: int) -> bool:
        """Whether all is as it was with so many files and MiB, now that the attack is over, and was so meanwhile."""
        assert until(lambda: self.is_back_to(files), REQUEST_WITHIN + 15), self.files
        assert self.answers() < 5
        assert self.memory < memory + MEMORY_MIB
        assert self.host.attached
        assert self.visitor.is_well_served(), self.visitor
        return True


@pytest.fixture
def attacked(tmp_path: Path) -> Iterator[Attacked]:
    both = certificate(tmp_path, "director", 1)
    tokens = tmp_path / "tokens"
    digests = {may: hashlib.sha256(token.encode()).hexdigest() for may, token in TOKENS.items()}
    tokens.write_text("".join(f"fuzz {may} {digest}\n" for may, digest in digests.items()))
    with segment(reals=3) as lan, bpffs_at(tmp_path / "bpf"):
        host = Host(lan, tmp_path)
        listen = ("--listen", f"127.0.0.1:{PORT}", "--certificate", str(both), "--key", str(both))
        with (
            closing(host.manager),
            host.daemon(*listen, "--tokens", str(tokens)) as process,
            visitor(lan, reals=2) as somebody,
        ):
            yield Attacked(host, lan, process.pid, both, somebody)


def test_who_sends_slowly_holds_nobody_up_and_nothing_for_long(attacked: Attacked) -> None:
    files, memory = attacked.files, attacked.memory
    slow = (attacked.by_unix, CLIENTS // 2), (attacked.by_tls, STRANGERS // 2)
    with ExitStack() as held:
        for connect, times in slow:
            for _ in range(times):
                with suppress(OSError):
                    held.enter_context(connect()).send(b"GET /v1/status HTTP/1.1\r\nHost: a\r\nX: ")
        assert attacked.answers() < 5
        assert attacked.is_unharmed(files, memory), "they are hung up on, though they hold on"


def test_who_begins_no_handshake_waits_outside_and_keeps_nobody_out_for_long(attacked: Attacked) -> None:
    files, memory = attacked.files, attacked.memory
    with ExitStack() as held:
        for _ in range(STRANGERS + 20):
            held.enter_context(attacked.by_tcp())
        assert until(lambda: attacked.files >= files + STRANGERS, 5)
        assert attacked.files <= files + STRANGERS + 2, "no further one is let in"
        assert attacked.answers() < 5
        with attacked.by_tls(REQUEST_WITHIN + 10) as late:
            late.send(b"GET /v1/status HTTP/1.1\r\nHost: a\r\n\r\n")
            assert late.recv(100).startswith(b"HTTP/1.1 401 ")
    assert attacked.is_unharmed(files, memory)


FLOODS = {"by_unix": 3 * CLIENTS, "by_tcp": 3 * CLIENTS, "by_tls": STRANGERS}
"""Connections held at a time; by TCP nobody speaks TLS."""


@pytest.mark.parametrize(("way", "times"), FLOODS.items())
def test_a_flood_is_bounded_and_packets_go_on(attacked: Attacked, way: str, times: int) -> None:
    files, memory, sent = attacked.files, attacked.memory, 0
    connect: Callable[[], socket.socket] = getattr(attacked, way)
    end = time.monotonic() + FLOOD_SECONDS
    most = 0
    while time.monotonic() < end:
        with ExitStack() as held:
            for _ in range(times):
                with suppress(OSError):
                    held.enter_context(connect()).send(b"GET /v1/status HTTP/1.1\r\nHost: a\r\n\r\n" * 4)
                    sent += 1
            most = max(most, attacked.files)
    assert sent > CLIENTS
    assert most <= files + (8 * CLIENTS if way == "by_unix" else STRANGERS + 2), "none waits for a place inside"
    assert attacked.is_unharmed(files, memory)


def test_who_may_only_look_cannot_hold_up_who_may_change_things(attacked: Attacked) -> None:
    """By having large configurations read, as many at a time as connections are let in."""
    files, memory = attacked.files, attacked.memory
    reals = ", ".join(f'"10.1.{number >> 8}.{number & 255}"' for number in range(12_000))
    body = json.dumps({"text": CONFIG + DNS.replace(f'"{rip(2)}"', reals)})
    who, length = f"Authorization: Bearer {TOKENS['read']}", f"Content-Length: {len(body)}"
    request = f"POST /v1/plan HTTP/1.1\r\nHost: a\r\n{who}\r\n{length}\r\n\r\n{body}".encode()
    with ExitStack() as held:
        for _ in range(STRANGERS // 2):
            held.enter_context(attacked.by_tls()).sendall(request)
        began = time.monotonic()
        for weight in (1, 2):
            Client(attacked.host.socket).post("/v1/weight", {"service": "web", "real": str(rip(1)), "weight": weight})
        assert time.monotonic() - began < 5
    assert attacked.is_unharmed(files, memory)


def test_two_hundred_faulty_configurations_are_refused_each_with_all_its_faults(attacked: Attacked) -> None:
    """What `tests.unit.config` has of them; this build cannot do yet what some ask for besides."""
    files, memory, client = attacked.files, attacked.memory, Client(attacked.host.socket)
    before = client.get("/v1/history")
    texts = [case for case in FAULTY if case.text.isascii() and case.text]  # others are no text for JSON
    assert len(texts) >= 200
    for case in texts:
        with pytest.raises(ConfigError) as refused:
            client.post("/v1/apply", {"text": case.text, "file": "attack.toml"})
        said = {(fault.file, fault.line, fault.path) for fault in refused.value.faults}
        assert {("attack.toml", one.line, one.path) for one in case.said} <= said, case.what
    assert client.get("/v1/history") == before
    assert attacked.is_unharmed(files, memory)


@pytest.mark.timeout(900)
def test_whatever_its_document_allows_is_answered_as_it_says(attacked: Attacked, tmp_path: Path) -> None:
    document = tmp_path / "openapi.json"
    with attacked.by_unix() as connection:
        connection.send(b"GET /v1/openapi.json HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        document.write_bytes(b"".join(iter(partial(connection.recv, 1 << 16), b"")).partition(b"\r\n\r\n")[2])
    (tmp_path / "schemathesis.toml").write_text(RULES)
    files, memory = attacked.files, attacked.memory
    program = Path(sys.executable).with_name("schemathesis")
    token = f"Authorization: Bearer {TOKENS['write']}"
    command = [
        *("nsenter", f"--net=/run/netns/{attacked.lan.director}", str(program), "run", str(document)),
        *(
            "--url",
            f"https://127.0.0.1:{PORT}",
            "--tls-verify",
            "false",
            "--header",
            token,
        ),
        *("--max-examples", EXAMPLES, "--workers", "2", "--exclude-path", "/v1/events"),
        *("--no-color", "--generation-database", ":memory:"),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert attacked.is_unharmed(files, memory)
    assert "defect" not in attacked.host.said.read_text()
