"""The house's own rules: those that no linter knows, and proof that the linters' bite."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from carom.config.load import load

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src/carom").rglob("*.py"))
NOBODY = 65534


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


# ---- a test file per source file ----


def mirrors_of(source: Path) -> list[Path]:
    """The test files of a source file: in any tier, in the folder that mirrors its own."""
    inside = source.relative_to(ROOT / "src/carom")
    return list((ROOT / "tests").glob(f"*/{inside.with_name(f'test_{inside.name}')}"))


def test_every_source_file_has_its_test_file() -> None:
    without = [relative(path) for path in SOURCES if not path.name.startswith("__") and not mirrors_of(path)]
    assert not without, "\n  ".join(["no test file in the mirroring folder of any tier:", *without])


# ---- layers ----


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the sources, to be spoiled."""
    shutil.copytree(ROOT / "src/carom", tmp_path / "carom", ignore=shutil.ignore_patterns("__pycache__", "*.o"))
    return tmp_path / "carom"


def broken_contracts(copy: Path) -> set[str]:
    """The names of the contracts in pyproject.toml that a copy of the sources breaks."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--config", ROOT / "pyproject.toml", "--no-cache"],
        env={**os.environ, "PYTHONPATH": str(copy.parent), "NO_COLOR": "1", "COLUMNS": "200"},
        cwd=copy.parent,
        capture_output=True,
        text=True,
    )
    return set(re.findall(r"^(.+) BROKEN", done.stdout, re.MULTILINE))


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("core/plan.py", "import carom.engine", "layers"),
        ("ports.py", "import carom.dataplane", "layers"),
        ("lab/__init__.py", "import carom.cli", "layers"),
        ("stranger.py", "", "layers"),
        ("core/plan.py", "import time", "pure"),
        ("engine.py", "import socket", "engine"),
        ("dataplane/fake/__init__.py", "import carom.dataplane.xdp", "planes"),
    ],
)
def test_an_import_upwards_or_sideways_is_caught(copy: Path, file: str, line: str, contract: str) -> None:
    with (copy / file).open("a") as module:
        module.write(f"\n{line}\n")
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    names = {entry["id"]: entry["name"] for entry in contracts}
    assert names[contract] in broken_contracts(copy)


# ---- traps ----


def test_the_lock_names_no_place_to_download_from() -> None:
    assert "://" not in (ROOT / "uv.lock").read_text()


def test_every_c_file_says_its_licence_first() -> None:
    licence = "// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause\n"
    files = list((ROOT / "bpf").rglob("*.[ch]"))
    assert files
    assert not [relative(path) for path in files if not path.read_text().startswith(licence)]


# ---- documents ----


DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
CONFIGURATIONS = [
    (relative(document), block)
    for document in DOCUMENTS
    for block in re.findall(r"^```toml\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL)
    if "[director]" in block
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative)
def test_every_link_between_documents_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
    assert not [link for link in links if not (document.parent / link).exists()]


@pytest.mark.parametrize(("document", "text"), CONFIGURATIONS)
def test_every_whole_configuration_in_a_document_is_sound(document: str, text: str) -> None:
    assert load(text, document).services


def test_every_document_can_be_found_from_an_index() -> None:
    folder = ROOT / "docs"
    indices = {index.parent: index.read_text() for index in folder.rglob("README.md")}
    pages = [page for page in folder.rglob("*.md") if page.name != "README.md"]
    assert not [relative(page) for page in pages if f"({page.name})" not in indices[page.parent]]


# ---- ./dev ----


@pytest.fixture
def checkout() -> Iterator[Path]:
    """A folder that everyone can read, with nothing of the house in it but `dev`."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        shutil.copy(ROOT / "dev", folder)
        yield Path(folder)


def dev(checkout: Path, *arguments: str, user: int | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([checkout / "dev", *arguments], capture_output=True, text=True, user=user, cwd="/")


def test_dev_help_names_every_command() -> None:
    commands = re.findall(r"^    ([a-z]+)\) ", (ROOT / "dev").read_text().split("case $command in")[1], re.MULTILINE)
    listed = re.findall(r"^  ([a-z]+) ", dev(ROOT).stdout, re.MULTILINE)
    assert sorted(commands) == sorted(listed)


def test_dev_refuses_an_unknown_command_in_one_line() -> None:
    done = dev(ROOT, "dmeo")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "dev: no command 'dmeo'; ./dev help lists them\n"


@pytest.mark.root
@pytest.mark.parametrize("command", ["demo", "test"])
def test_dev_without_root_says_what_it_needs_it_for_in_one_line(checkout: Path, command: str) -> None:
    done = dev(checkout, command, user=NOBODY)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(f"dev: '{command}' needs root, .* run: sudo ./dev {command}\n", done.stderr)


def test_dev_on_another_distribution_says_what_it_needs_in_one_line(checkout: Path) -> None:
    script = (checkout / "dev").read_text().replace("/etc/os-release", f"{checkout}/os-release")
    (checkout / "dev").write_text(script.replace("dpkg-query", "no-such-program"))
    (checkout / "os-release").write_text('ID=fedora\nVERSION_ID=41\nPRETTY_NAME="Fedora Linux 41"\n')
    done = dev(checkout, "check")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch("dev: needs Debian 12, Ubuntu 24.04 or later, .*Fedora Linux 41\n", done.stderr)


# ---- the wheel ----


def test_the_wheel_carries_the_bpf_object(tmp_path: Path) -> None:
    hatchling = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    done = subprocess.run(hatchling, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    inside = zipfile.ZipFile(wheel)
    assert inside.read("carom/dataplane/xdp/director.bpf.o").startswith(b"\x7fELF")
    assert "carom/py.typed" in inside.namelist()
