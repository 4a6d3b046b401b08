"""A director in a process of its own, of this build or of another: it takes pins over, and says what it knows.

    PYTHONPATH=BUILD/src python -m tests.bpf.dataplane.xdp.otherdaemon NIC PINS [--plan] [--killed FUNCTION NUMBER]

With --plan it makes that of `migrated` true and sees its packets; with --killed it dies by SIGKILL at the number-th
call of a function of `migrate`, or by one. What it knows is printed as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from carom.dataplane.xdp import migrate
from carom.dataplane.xdp.plane import XdpDataPlane
from carom.model import Scheduler
from tests.bpf.dataplane.xdp import migrated


def die_at(function: str, number: int) -> None:
    """Ends this process at that call, as `kill -9` would."""
    calls = 0

    def watch(frame: FrameType, event: str, _: object) -> None:
        nonlocal calls
        here, caller = frame.f_code, frame.f_back.f_code.co_filename if frame.f_back else ""
        if event == "call" and here.co_name == function and migrate.__file__ in (here.co_filename, caller):
            calls += 1
            if calls == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(watch)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("interface")
    parser.add_argument("pins", type=Path)
    parser.add_argument("--plan", action="store_true")
    parser.add_argument("--killed", nargs=2)
    told = parser.parse_args()
    plane = XdpDataPlane(told.interface, told.pins, flow_buckets=migrated.BUCKETS)
    if told.killed:
        die_at(told.killed[0], int(told.killed[1]))
    plane.attach()
    found = []
    if told.plan:
        plane.apply(migrated.plan(Scheduler.MH))
        found = [plane._attached()[0].director.run(frame)[1][:6].hex() for frame in migrated.left("S")]
        plane.apply(migrated.plan())
        for frame in migrated.frames(1, 20):
            plane._attached()[0].director.run(frame)
    sys.stdout.write(json.dumps({"left": found, **migrated.known(plane)}))
    plane.close()


if __name__ == "__main__":
    main()
