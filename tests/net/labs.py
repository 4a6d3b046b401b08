"""What tests do with labs: run things on a node, and look for what a lab left behind."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from carom.lab import namespaces, standing
from carom.lab.standing import Lab


def on(lab: Lab, node: str, *command: str, stdin: str = "") -> str:
    """What a command prints on a node; it must succeed."""
    return namespaces.inside(
        lab.namespace(node),
        lambda: subprocess.run(command, input=stdin, capture_output=True, text=True, check=True, timeout=30).stdout,
    )


def traces_of(name: str) -> list[str]:
    """Everything of a lab that can be left: namespaces, files, mounts, processes."""
    mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if f"/{name}/" in line]
    files = [str(path) for path in standing.ROOT.glob(name)]
    spaces = [path.name for path in namespaces.DIRECTORY.glob(f"carom-{name}-*")]
    running = [
        entry.name
        for entry in Path("/proc").iterdir()
        if entry.name.isdecimal() and int(entry.name) != os.getpid() and f"/{name}/".encode() in _command_line(entry)
    ]
    return mounts + files + spaces + running


def _command_line(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""
