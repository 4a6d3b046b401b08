"""The BPF object: how it is compiled, for the wheel and for the checkout.

hatchling calls the hook below when it builds a wheel; `./dev` runs this file as a program. Both leave the object beside
the module that loads it, where a checkout and an installed package look for it alike. It is never committed.
"""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
SOURCES = ROOT / "bpf"
PROGRAM = SOURCES / "director.bpf.c"
OBJECT = ROOT / "src/carom/dataplane/xdp/director.bpf.o"


def command(output: Path, program: Path = PROGRAM) -> list[str]:
    """The compiler's command line.

    `-target bpf` forgets the machine, but libc's headers ask for its word size (`gnu/stubs.h`) and the kernel's live in
    its folder (`asm/types.h`), so both are named. `-mcpu=v3`: atomics that return the old value, kernel 5.12.
    """
    machine = platform.machine()
    return [
        *("clang", "-target", "bpf", "-mcpu=v3", "-O2", "-g"),
        *("-Wall", "-Wextra", "-Werror"),
        *(f"-D__{machine}__", f"-I/usr/include/{machine}-linux-gnu", f"-I{SOURCES}"),
        f"-ffile-prefix-map={ROOT}=.",  # the same object, whatever the folder
        *("-c", str(program), "-o", str(output)),
    ]


def is_current(made: Path = OBJECT) -> bool:
    """Whether the object is newer than all it is made of, this file included."""
    sources = [Path(__file__), *SOURCES.rglob("*.[ch]")]
    return made.exists() and made.stat().st_mtime >= max(source.stat().st_mtime for source in sources)


def build() -> None:
    """Compile the object if it is not current. Raises OSError without clang, CalledProcessError if clang objects."""
    if is_current():
        return
    sys.stderr.write(f"compiling {PROGRAM.relative_to(ROOT)}\n")
    OBJECT.parent.mkdir(parents=True, exist_ok=True)
    unfinished = OBJECT.with_suffix(".new")
    subprocess.run(command(unfinished), check=True)
    unfinished.rename(OBJECT)


class BpfHook(BuildHookInterface[Any]):
    """What hatchling calls; `artifacts` in pyproject.toml then takes the object along."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        build()


if __name__ == "__main__":
    try:
        build()
    except subprocess.CalledProcessError:
        raise SystemExit(1) from None  # clang has said why
