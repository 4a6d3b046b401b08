"""caromd with the oracle in place of the XDP program: for kernels that cannot load the program. For benchmarks.

    python -m bench.unplugged CAROMD-ARGUMENTS...

Everything else is the daemon as it is: engine, checks, API, store, neighbours, announcements.
"""

from __future__ import annotations

import sys
from pathlib import Path

from carom import daemon
from carom.dataplane.fake.plane import FakeDataPlane
from carom.dataplane.xdp.plane import XdpDataPlane


def oracle(interface: str, pins: Path, *, inside: str | None = None) -> FakeDataPlane:
    """What the daemon makes a data plane with."""
    return FakeDataPlane(interface=interface)


def main() -> int:
    """Run caromd on the arguments."""
    vars(daemon)[XdpDataPlane.__name__] = oracle
    return daemon.main(sys.argv[1:])


if __name__ == "__main__":
    raise SystemExit(main())
