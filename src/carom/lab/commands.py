"""Run the system's own tools and turn their refusals into errors."""

from __future__ import annotations

import shutil
import subprocess

from carom.errors import LabError

PACKAGES = {"ip": "iproute2", "nft": "nftables"}
"""The tools the lab runs that may be missing, and the Debian package of each."""

SECONDS = 30
"""No command of the lab's takes longer unless something is broken."""


def run(*command: str, stdin: str = "") -> str:
    """Run it to its end and return what it printed. Raises LabError with the tool's own words."""
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise LabError(f"`{' '.join(command)}` did not end within {SECONDS} s") from None
    if done.returncode != 0:
        words = done.stderr.strip() or f"exit status {done.returncode}"
        raise LabError(f"`{' '.join(command)}` failed: {words}")
    return done.stdout


def require_tools() -> None:
    """Raises LabError naming the first tool that is not installed."""
    for tool, package in PACKAGES.items():
        if shutil.which(tool) is None:
            raise LabError(f"the lab needs `{tool}`, which is not installed: apt install {package}")
