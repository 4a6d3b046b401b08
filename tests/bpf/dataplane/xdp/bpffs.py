"""A BPF file system of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def bpffs(at: Path) -> Iterator[Path]:
    """A folder for pins there, for as long as this lasts."""
    subprocess.run(["mount", "-t", "bpf", "bpf", at], check=True)
    try:
        yield at / "carom"
    finally:
        subprocess.run(["umount", at], check=True)
