"""`carom check`: what it prints, and its exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from carom.cli.main import carom

SOUND = """\
[director]
interface = "eth0"
[[service]]
name = "web"
vip = "192.168.76.24"
ports = ["tcp/80"]
scheduler = "rr"
reals = ["192.168.76.31", "192.168.76.32"]
[[service]]
name = "other"
vip = "192.168.76.24"
ports = ["tcp/81"]
scheduler = "rr"
reals = ["192.168.76.31"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "carom.toml"
    file.write_text(SOUND)
    return file


def check(*arguments: str | Path) -> Result:
    return CliRunner().invoke(carom, ["check", *map(str, arguments)])


def test_a_sound_file(file: Path) -> None:
    result = check(file)
    assert result.exit_code == 0
    assert result.stdout == f"{file}: sound: 2 services, 2 reals, 1 VIP\n"


def test_a_faulty_file(file: Path) -> None:
    file.write_text(SOUND.replace('"rr"', '"r"', 1) + "one_packt = false\n")
    result = check(file)
    assert result.exit_code == 1
    assert result.stderr == ""
    assert result.stdout.splitlines() == [
        f'{file}:7: service[0].scheduler: "r" is no scheduler; write "rr"',
        f"{file}:15: service[1].one_packt: unknown key; write one_packet",
    ]


def test_a_sound_file_as_json(file: Path) -> None:
    result = check("--json", file)
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "file": str(file),
        "sound": True,
        "holds": {"services": 2, "reals": 2, "vips": 1},
        "faults": [],
    }


def test_a_faulty_file_as_json(file: Path) -> None:
    file.write_text("[directory]")
    result = check(file, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "file": str(file),
        "sound": False,
        "holds": None,
        "faults": [
            {"file": str(file), "line": 1, "path": "directory", "message": "unknown key; write director"},
            {
                "file": str(file),
                "line": 1,
                "path": "directory.interface",
                "message": 'missing; write interface = "eth0"',
            },
        ],
    }


def test_no_file(tmp_path: Path) -> None:
    result = check(tmp_path / "none")
    assert result.exit_code == 1
    assert result.stdout == f"{tmp_path}/none:0: file: no such file or directory; name a file that can be read\n"


@pytest.mark.parametrize("arguments", [(), ("a", "b"), ("--jsn", "a")])
def test_wrong_usage(arguments: tuple[str, ...]) -> None:
    result = check(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""


def test_a_name_that_no_terminal_can_show(tmp_path: Path) -> None:
    """In a program of its own: the test runner's streams are more patient than real ones."""
    (folder := tmp_path / "x").mkdir()
    name = os.fsencode(folder) + b"/\xff.toml"
    done = subprocess.run([sys.executable, "-m", "carom", "check", name], capture_output=True)
    assert done.returncode == 1
    assert rb"/\xff.toml:0: file: no such file" in done.stdout
    assert done.stderr == b""


def test_it_imports_no_more_than_it_needs(file: Path) -> None:
    """It starts at once: no packet plane, no event loop, and no library of patterns where there is no pattern."""
    program = (
        "import sys\nfrom carom.cli.main import carom\n"
        f"carom(['check', {str(file)!r}], standalone_mode=False)\n"
        "print([name for name in ('asyncio', 'jsonschema', 'pyroute2', 're2', 'socket') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
