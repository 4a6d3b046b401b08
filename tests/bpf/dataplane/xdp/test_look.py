"""The look for a flow, as the compiler writes it: a branch on what it loads may wait for memory, and then be wrong."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import hatch_build

LOOKS = """
#include "flow.h"
__u32 look4(const struct bucket4 *bucket, __u64 key) { return flow4_guess(bucket, key); }
__u32 look6(const struct bucket6 *bucket, const struct flow6_key *key) { return flow6_guess(bucket, key); }
"""


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What clang makes of both looks, each as a function of its own."""
    folder: Path = tmp_path_factory.mktemp("looks")
    source, made = folder / "looks.bpf.c", folder / "looks.s"
    source.write_text(LOOKS)
    as_text = ("-S", "-g0", "-Wno-unused-function")
    subprocess.run([*hatch_build.command(made, source), *as_text], check=True)
    return made.read_text()


@pytest.mark.parametrize(("look", "loads", "branches"), [("look4", 4, 0), ("look6", 2 + 4 * 2, 1)])
def test_a_flow_is_looked_for_without_a_branch_per_place(assembly: str, look: str, loads: int, branches: int) -> None:
    """Four places of four keys; of IPv6 by two words of each, with one branch: between its bucket's two lines."""
    written = re.search(rf"^{look}:.*?^\s*exit$", assembly, re.DOTALL | re.MULTILINE)
    assert written
    assert len(re.findall(r"= \*\(u64 \*\)", written[0])) == loads
    assert len(re.findall(r"\bif .* goto ", written[0])) == branches
