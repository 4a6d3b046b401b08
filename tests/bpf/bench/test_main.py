"""`./dev bench`, run for the shortest while that means something."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from bench.subjects import FLOORS

ROOT = Path(__file__).parents[3]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", "--quick", "--rounds", "1", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_a_case_is_one_document_on_stdout_and_nothing_else() -> None:
    done = bench("--json", "--cases", "tcp4_hot", "--schedulers", "mh")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert list(document) == ["kernel", "commit", "floors", "carom"]
    assert document["kernel"] == os.uname().release
    floors = document["floors"]["tcp4_hot"]
    assert list(document["floors"]) == ["tcp4_hot"]
    assert set(floors) == set(FLOORS)
    assert list(document["carom"]) == ["mh"]
    assert list(document["carom"]["mh"]) == ["tcp4_hot"]
    assert floors["drop"] < document["carom"]["mh"]["tcp4_hot"] < floors["drop"] + 10 * floors["hash_lru"]
    assert floors["swap"] < floors["hash_lru"] < floors["lru_insert"]


def test_for_people_it_is_tables() -> None:
    done = bench("--cases", "pass4", "--schedulers", "wlc")
    assert done.returncode == 0, done.stderr
    assert "pass4, ns" in done.stdout


def test_an_unknown_case_is_wrong_usage() -> None:
    done = bench("--cases", "tcp5_hot")
    assert (done.returncode, done.stdout) == (2, "")
    assert "tcp5_hot is none of tcp4_hot" in done.stderr


def test_end_to_end_every_way_carries_packets() -> None:
    done = bench("--json", "--end-to-end")
    assert done.returncode == 0, done.stderr
    rates = json.loads(done.stdout)["end_to_end"]
    assert list(rates)[:2] == ["drop", "MAC swap"]
    assert min(rates.values()) > rates["drop"] / 100
