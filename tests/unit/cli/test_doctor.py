"""What `carom doctor` prints, and what it goes by."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from carom.cli import doctor
from carom.cli.doctor import command
from carom.cli.main import carom
from carom.doctor.case import Told
from carom.finding import Finding, Verdict

LEAK = Finding("arp-ignore", "192.168.76.24", Verdict.FAULT, "it answers", "join it", "192.168.76.32")
SMALL = Finding("mtu", "192.168.76.32", Verdict.WARNING, "1300 bytes", "ip link set", "192.168.76.32")
WELL = Finding("xdp", "eth0", Verdict.OK, "native")
UNSEEN = Finding("service", "192.168.76.24", Verdict.UNKNOWN, "no way", server="192.168.76.33")
CONFIG = """\
[director]
interface = "eth0"

[[service]]
name = "web"
vip = "192.168.76.24"
ports = ["tcp/80"]
scheduler = "wrr"
reals = ["192.168.76.31"]
"""


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """What the examination will find; the examination itself is in tests/net/doctor."""
    findings: list[Finding] = []

    async def examine(_: Told) -> tuple[Finding, ...]:
        return tuple(findings)

    monkeypatch.setattr(doctor, "examine", examine)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    return findings


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "carom.toml"
    file.write_text(CONFIG)
    return file


@pytest.mark.parametrize(("finding", "code"), [(LEAK, 1), (SMALL, 1), (WELL, 0), (UNSEEN, 0)])
def test_it_ends_with_1_if_something_has_to_be_mended(
    found: list[Finding], config: Path, finding: Finding, code: int
) -> None:
    found += [WELL, finding]
    assert CliRunner().invoke(command, ["--socket", "/nowhere", "-c", str(config)]).exit_code == code


def test_it_shows_what_is_well_only_when_asked(found: list[Finding], config: Path) -> None:
    found += [LEAK, WELL]
    arguments = ["--socket", "/nowhere", "-c", str(config)]
    assert "xdp" not in CliRunner().invoke(command, arguments).output
    assert "ok       xdp" in CliRunner().invoke(command, [*arguments, "--all"]).output


def test_with_neither_a_daemon_nor_a_file_it_ends_with_2_and_says_so(found: list[Finding], tmp_path: Path) -> None:
    done = CliRunner().invoke(carom, ["doctor", "--socket", "/nowhere", "-c", str(tmp_path / "none.toml")])
    assert done.exit_code == 2
    assert "no director answers on /nowhere" in done.stderr
    assert f"nor is there a configuration at {tmp_path / 'none.toml'}: name one with --config" in done.stderr
    assert found == []


def test_a_faulty_file_is_named_as_carom_check_names_it(found: list[Finding], config: Path) -> None:
    config.write_text("[directr]\n")
    done = CliRunner().invoke(carom, ["doctor", "--socket", "/nowhere", "-c", str(config)])
    assert done.exit_code == 1
    assert done.stderr.startswith(f"{config}:1: directr: ")
    assert found == []


def test_without_root_it_says_what_it_needs_it_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    done = CliRunner().invoke(carom, ["doctor"])
    assert done.exit_code == 1
    assert done.stderr == "carom: the doctor sends and hears frames, and that needs root: run it with sudo\n"
