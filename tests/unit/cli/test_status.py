"""`carom status`: what people and programs see, and how it ends."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer
from typing import Any

import pytest
from click.testing import CliRunner, Result

from carom.cli.main import carom
from carom.cli.status import text


def real(address: str, *, weight: int = 1, up: bool = True, **counted: Any) -> dict[str, Any]:
    numbers = {"active": 0, "inactive": 0, "packets": 0, "bytes": 0, "new_flows": 0} | counted
    return {
        "address": address,
        "state": ("up" if weight else "quiesced") if up else "down",
        "weight": weight,
        "effective_weight": weight if up else 0,
        "mac": "02:00:00:00:00:31" if up else None,
        "up": up,
        "why": "" if up else "no answer to ARP on eth0",
        "since": None,
        "check": None,
        "override": None,
        **numbers,
        "rates": {"packets": counted.get("packets", 0) / 10, "bytes": 0.0, "new_flows": 0.0},
        "rates_minute": {"packets": counted.get("packets", 0) / 20, "bytes": 0.0, "new_flows": 0.0},
    }


def reason(
    name: str, packets: int, size: int, sentence: str, *, normal: bool = True, rate: float = 0.0, minute: float = 0.0
) -> dict[str, Any]:
    return {
        "name": name,
        "packets": packets,
        "bytes": size,
        "rates": {"packets": rate, "bytes": 0.0},
        "rates_minute": {"packets": minute, "bytes": 0.0},
        "normal": normal,
        "sentence": sentence,
    }


TOTALS = {key: value for key, value in real("", packets=1_234, bytes=1_440_000).items() if key != "address"}
STATUS: dict[str, Any] = {
    "version": "0.1.0",
    "director": {
        "interface": "eth0",
        "plane": "xdp",
        "mode": "native",
        "taken_over": False,
        "mac": "02:00:00:00:00:01",
        "inside": None,
        "answering": True,
        "since": "2026-03-01T12:00:00+00:00",
        "config_file": "/etc/carom/carom.toml",
        "pid": 42,
    },
    "configuration": {"version": 7, "confirm_by": None, "drift": False},
    "reasons": [
        reason("forwarded", 1_234, 1_440_000, "Sent on.", rate=123.4, minute=61.7),
        reason("malformed", 2, 120, "Contradicts itself.", normal=False, minute=0.1),
        reason("not_vip", 0, 0, "Not addressed to a VIP."),
    ],
    "flows": {"ipv4": 3, "ipv6": 0, "capacity": 1_048_576},
    "faults": [],
    "warnings": [],
    "services": [
        {
            "name": "web",
            "vip": "192.168.76.24",
            "ports": ["tcp/80", "tcp/443"],
            "scheduler": "wrr",
            "standing": "serving",
            "reals": [
                real("192.168.76.31", weight=3, packets=1_234, bytes=1_440_000, active=2),
                real("192.168.76.32", weight=0),
            ],
            "sorry": None,
            "totals": TOTALS,
        }
    ],
}


def degraded() -> dict[str, Any]:
    status = deepcopy(STATUS)
    status["services"][0]["reals"][1] = real("192.168.76.32", weight=2, up=False)
    status["faults"] = ["web: 192.168.76.32 gets no connections: no answer to ARP on eth0"]
    return status


@contextmanager
def director(path: Path, status: dict[str, Any]) -> Iterator[None]:
    """A director that answers everything with this status."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(status).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def address_string(self) -> str:
            return "unix"

        def log_message(self, *_: object) -> None: ...

    with UnixStreamServer(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def run(path: Path, status: dict[str, Any], *arguments: str) -> Result:
    with director(path, status):
        return CliRunner().invoke(carom, ["status", "--socket", str(path), *arguments])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "carom.sock"


def test_people_see_a_table(path: Path) -> None:
    result = run(path, STATUS)
    assert result.exit_code == 0
    assert (
        result.output
        == """\
Director on eth0  02:00:00:00:00:01  xdp native
process 42 attached and is ready since 2026-03-01T12:00:00+00:00
version 7 of /etc/carom/carom.toml
3 of 1,048,576 flows

web  192.168.76.24  tcp/80 tcp/443  wrr
  REAL SERVER    STATE     WEIGHT  MAC                ACTIVE  INACTIVE  NEW/S  PACKETS  PACKETS/S   BYTES  BYTES/S
  192.168.76.31  up             3  02:00:00:00:00:31       2         0      0    1,234        123  1.4 MB      0 B
  192.168.76.32  quiesced       0  02:00:00:00:00:31       0         0      0        0          0     0 B      0 B
  all                                                      0         0      0    1,234        123  1.4 MB      0 B
  over 60 s                                                                 0                61.7              0 B

How packets ended
  REASON     PACKETS  PACKETS/S  OVER 60 S   BYTES
  forwarded    1,234        123       61.7  1.4 MB  Sent on.
! malformed        2          0        0.1   120 B  Contradicts itself.
"""
    )


def test_what_is_wrong_is_named_and_ends_with_1(path: Path) -> None:
    result = run(path, degraded())
    assert result.exit_code == 1
    [row] = [line for line in result.output.splitlines() if "192.168.76.32  " in line]
    assert row.split()[1:6] == ["down", "0", "of", "2", "none"]
    assert "Wrong at present\n  web: 192.168.76.32 gets no connections: no answer to ARP on eth0\n" in result.output


def test_programs_get_the_document_and_nothing_else(path: Path) -> None:
    result = run(path, degraded(), "--json")
    assert result.exit_code == 1
    assert json.loads(result.output) == degraded()


def test_without_a_director_it_ends_with_2(path: Path) -> None:
    result = CliRunner().invoke(carom, ["status"], env={"CAROM_SOCKET": str(path)})
    assert result.exit_code == 2
    assert f"no director answers on {path}" in result.output


def test_colours_are_for_terminals(path: Path) -> None:
    assert "\x1b[" in "\n".join(text(degraded()))
    assert "\x1b[" not in run(path, degraded()).output


def test_a_sorry_server_that_serves_is_a_row_of_its_own() -> None:
    status = deepcopy(STATUS)
    status["services"][0]["sorry"] = real("192.168.76.99")
    assert any("192.168.76.99" in line for line in text(status))


def test_what_is_worth_knowing_is_no_fault(path: Path) -> None:
    result = run(path, STATUS | {"warnings": ["/etc/carom/carom.toml is not what runs, which is version 7"]})
    assert result.exit_code == 0
    assert result.output.endswith("Worth knowing\n  /etc/carom/carom.toml is not what runs, which is version 7\n")


def test_a_version_that_undoes_itself_says_when() -> None:
    pending = {"version": 8, "confirm_by": "2026-03-01T12:00:00+00:00", "drift": False}
    assert any("which undoes itself at " in line for line in text(STATUS | {"configuration": pending}))


def test_many_faults_are_cut_short() -> None:
    lines = list(text(STATUS | {"faults": [f"fault {number}" for number in range(1_234)]}))
    assert lines[-1] == "  and 1,214 more: carom status --json"
    assert lines[-2] == "  fault 19"


def test_a_nic_that_is_gone_and_a_plane_without_modes() -> None:
    status = STATUS | {"director": STATUS["director"] | {"mac": None, "plane": "fake", "mode": "", "taken_over": True}}
    first, second, *_ = text(status)
    assert first.endswith("NIC gone  fake")
    assert "took over" in second


def test_it_answers_within_its_three_tenths_of_a_second(path: Path) -> None:
    """Of processor time: how busy the machine is otherwise is not the command's doing."""
    program = [sys.executable, "-m", "carom", "status", "--socket", str(path)]
    with director(path, STATUS):
        times = []
        for _ in range(5):
            began = _processor_time_of_children()
            subprocess.run(program, check=True, capture_output=True)
            times.append(_processor_time_of_children() - began)
    assert min(times) < 0.3


def _processor_time_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_it_does_not_wait_for_what_it_does_not_need() -> None:
    program = (
        "import sys, carom.cli.status; "
        "print([m for m in ('asyncio', 'starlette', 'uvicorn', 'carom.engine', 'carom.lab') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_the_inside_nic_has_a_line() -> None:
    status = deepcopy(STATUS)
    status["director"]["inside"] = {"interface": "eth1", "mac": None}
    assert "real servers by eth1  NIC gone" in "\n".join(text(status))


def test_services_stand_in_the_same_columns_and_one_can_be_asked_for(path: Path) -> None:
    long = STATUS["services"][0] | {"name": "web6", "reals": [real("2001:db8:76:4242:aaaa:bbbb:cccc:1")]}
    status = STATUS | {"services": [STATUS["services"][0], long]}
    rows = [line for line in text(status) if "02:00:00:00:00:31" in line]
    assert len({line.index("02:00:00:00:00:31") for line in rows}) == 1
    one = run(path, status, "web6").output
    assert "web6  " in one
    assert "192.168.76.31" not in one
    path.unlink()
    nobody = run(path, status, "shop")
    assert nobody.exit_code == 2
    assert "there is no service shop; there are web, web6" in nobody.output


def test_a_director_without_services_is_shown_too() -> None:
    assert "3 of 1,048,576 flows" in list(text(STATUS | {"services": []}))


@pytest.mark.parametrize("width", [80, 100, 120])
def test_a_table_fits_into_the_terminal(width: int) -> None:
    shown = [line for line in text(STATUS, width) if "192.168.76.31" in line]
    assert shown
    assert all(len(line) <= width for line in shown)
    assert ("02:00:00:00:00:31" in shown[0]) is (width == 120)
