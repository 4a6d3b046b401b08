"""The benchmark's own BPF objects: compiled as the director's is, into `build/`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import hatch_build
from carom.errors import UnsupportedError

SOURCES = Path(__file__).parent / "bpf"
BUILD = hatch_build.ROOT / "build"


def compiled(name: str) -> Path:
    """The object of `bench/bpf/NAME.bpf.c`. Raises UnsupportedError without a compiler that takes it."""
    source, made = SOURCES / f"{name}.bpf.c", BUILD / f"{name}.bpf.o"
    recipe = (*SOURCES.glob("*.[ch]"), Path(hatch_build.__file__))
    if made.exists() and made.stat().st_mtime >= max(path.stat().st_mtime for path in recipe):
        return made
    BUILD.mkdir(exist_ok=True)
    try:
        subprocess.run(hatch_build.command(made, source), check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        why = error.stderr if isinstance(error, subprocess.CalledProcessError) else error.strerror
        raise UnsupportedError(f"clang does not compile {source}: {why}") from error
    return made
