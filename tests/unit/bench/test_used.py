"""What a process uses, as /proc has it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from bench import used

BUSY = "import os; os.fork(); os.write(1, b'%d\\n' % os.getpid())\nwhile True: pass"  # in one write: two write here


def test_a_family_is_the_process_and_its_descendants() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in used.family(os.getpid())
        assert used.family(child.pid) == [child.pid]
        child.communicate(b"\n")


def test_the_work_and_the_memory_of_both_of_two_processes_are_told(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE, start_new_session=True) as parent:
        try:
            assert parent.stdout
            started = {int(parent.stdout.readline()) for _ in range(2)}
            file = tmp_path / "pid"
            file.write_text(f"{parent.pid}\n")
            command = [sys.executable, "-S", "-m", "bench.used", str(file), "0.5"]
            found = json.loads(
                subprocess.run(command, check=True, capture_output=True, cwd=Path(used.__file__).parents[1]).stdout
            )
        finally:
            os.killpg(parent.pid, 9)
    assert parent.pid in started
    assert found["processes"] == 2
    assert found["ticks_of_one_core"] > 0.1  # of two; others work here too
    assert 0 < found["share_of_guest"] <= 1.1  # the two are not read in one moment
    assert 0 < found["pss_mib"] < found["rss_mib"]
