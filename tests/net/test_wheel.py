"""The wheel, installed by pip into an environment of nothing else, and the daemon run from there."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.net.segment import VIP, Segment, rip, segment

ROOT = Path(__file__).parents[2]
CONFIG = f"""\
[director]
interface = "eth0"

[[service]]
name = "web"
vip = "{VIP}"
ports = ["tcp/80"]
reals = ["{rip(1)}"]
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an environment's programs."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run(["/usr/bin/python3", "-m", "venv", folder / "venv"], check=True)
    pip = [str(folder / "venv/bin/pip"), "install", "--quiet", "--no-compile", str(wheel)]
    subprocess.run(pip, cwd=folder, check=True, capture_output=True)
    return folder / "venv/bin"


@pytest.fixture
def lan() -> Iterator[Segment]:
    with segment(reals=1) as lan:
        lan.listener(1, VIP, 80)
        yield lan


@pytest.fixture
def bpffs(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "bpf"
    folder.mkdir()
    subprocess.run(["mount", "-t", "bpf", "bpf", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def run(program: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(word) for word in (program, *arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd="/", timeout=60, check=False)


def test_it_serves(programs: Path, lan: Segment, bpffs: Path, tmp_path: Path) -> None:
    (tmp_path / "carom.toml").write_text(CONFIG)
    assert run(programs / "carom", "check", tmp_path / "carom.toml").returncode == 0
    paths = ("--socket", tmp_path / "run/socket", "--pins", bpffs / "carom", "--state", tmp_path / "state")
    caromd = ("nsenter", f"--net=/run/netns/{lan.director}", programs / "caromd", "-c", tmp_path / "carom.toml")
    command = [str(word) for word in (*caromd, *paths)]
    environment = {"PATH": os.environ["PATH"], "CAROM_TEST_RUN": os.environ["CAROM_TEST_RUN"]}
    with subprocess.Popen(command, cwd="/", env=environment) as daemon:
        try:
            status = _until_well(programs / "carom", tmp_path / "run/socket")
        finally:
            daemon.terminate()
    assert daemon.returncode == 0
    assert f"  {rip(1)}   up " in status


def _until_well(carom: Path, socket: Path) -> str:
    patience = threading.Event()
    for _ in range(100):
        done = run(carom, "status", "--socket", socket)
        if done.returncode == 0:
            return done.stdout
        patience.wait(0.1)
    pytest.fail(f"not well: {done.stdout}{done.stderr}")


def test_it_says_which_version_it_is(programs: Path) -> None:
    assert run(programs / "caromd", "--version").stdout.startswith("caromd ")
    assert run(programs / "carom", "--version").stdout.startswith("carom, version ")
