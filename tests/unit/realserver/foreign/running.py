"""Runs a foreign system's script here, with its commands played by scripts that write down how they were called."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

COMMANDS = "ifconfig sysctl ipadm launchctl lsitab mkitab rmitab chmod id netstat sh-netstart"


def calls(script: str, tmp_path: Path, *words: str, uname: str, says: dict[str, str] | None = None) -> list[str]:
    """What `sh FILE WORDS` calls, in order. Absolute paths of the script are moved below `tmp_path`."""
    stage, log = tmp_path / "bin", tmp_path / "calls"
    stage.mkdir(exist_ok=True)
    log.write_text("")
    answers = {"uname": uname, "id": "0", **(says or {})}
    for name in ("uname", *COMMANDS.split()):
        program = stage / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> {log}\n{answer(answers.get(name, ""))}\n')
        program.chmod(0o755)
    file = tmp_path / "script.sh"
    file.write_text(script)
    done = subprocess.run(
        ["sh", file, *words], env={"PATH": f"{stage}:/usr/bin:/bin"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [line for line in log.read_text().splitlines() if not line.startswith(("uname", "id", "chmod"))]


def answer(text: str) -> str:
    return text if text.startswith("exit") else f"echo {shlex.quote(text)}"


def below(script: str, root: Path) -> str:
    """The script with its files moved below a root."""
    for folder in ("/etc/", "/var/db/", "/Library/", "/usr/local/"):
        script = script.replace(folder, f"{root}{folder}")
        (root / folder.strip("/")).mkdir(parents=True, exist_ok=True)
    return script
