"""What holds for every test: its tier, a world of its own, nothing left behind, skips said aloud.

As root, the whole run has a private `/run/netns` and `/run/carom`: runs beside each other do not meet, and what a
crashed run leaves ends with it. To look inside while a test stands still:
`nsenter --mount --target PID_OF_PYTEST ip netns`. (A plain chroot shares its `/run` instead.)
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent
TIERS = {
    "unit": "pure Python; sockets on loopback at most",
    "bpf": "the packet program through BPF_PROG_TEST_RUN",
    "dataplane": "one suite for every data plane",
    "net": "namespaces, netlink, real traffic",
    "interop": "beside other people's programs",
    "vm": "another kernel, in User Mode Linux or QEMU",
    "fuzz": "random input, for longer",
}
"""The folders of `tests/`, in the order in which they run; each is a marker too."""
NEEDS_ROOT = {"bpf", "net", "interop", "vm"}
"""The tiers of which every test needs it; elsewhere a test says so with the marker `root`."""

PRIVATE = (Path("/run/netns"), Path("/run/carom"))
CLONE_NEWNS = 0x20000
MS_REC, MS_SLAVE = 0x4000, 0x80000
MARK = f"CAROM_TEST_RUN={os.getpid()}".encode()
"""In the environment of every process that this run starts."""
ENDED_WITHIN = 2.0
"""Seconds that a process which was told to end may take."""

settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, max_examples=300, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


# ---- tiers ----


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "root: makes namespaces or loads programs")
    for tier, meaning in TIERS.items():
        config.addinivalue_line("markers", f"{tier}: {meaning}")
    os.environ["CAROM_TEST_RUN"] = str(os.getpid())
    if os.geteuid() == 0 and root_is_a_mount_point():
        enter_private_run()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(tier_of(item))
        if os.geteuid() != 0 and (tier_of(item) in NEEDS_ROOT or item.get_closest_marker("root")):
            item.add_marker(pytest.mark.skip(reason="needs root: sudo ./dev test"))
    items.sort(key=lambda item: list(TIERS).index(tier_of(item)))


def tier_of(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).parts[0]


# ---- a world of its own ----


def root_is_a_mount_point() -> bool:
    """Whether `/` can be kept from showing outside what is mounted below it; not so in a plain chroot."""
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    return any(mount.split()[4] == "/" for mount in mounts)  # proc_pid_mountinfo(5): the mount point


def enter_private_run() -> None:
    """Give this process, and all it starts, a mount namespace with empty PRIVATE folders."""
    libc = ctypes.CDLL(None, use_errno=True)

    def call(result: int) -> None:
        if result != 0:
            raise OSError(ctypes.get_errno(), f"no private /run for the tests: {os.strerror(ctypes.get_errno())}")

    call(libc.unshare(CLONE_NEWNS))
    call(libc.mount(None, b"/", None, ctypes.c_ulong(MS_REC | MS_SLAVE), None))
    for folder in PRIVATE:
        folder.mkdir(parents=True, exist_ok=True)
        call(libc.mount(b"tmpfs", bytes(folder), b"tmpfs", ctypes.c_ulong(0), None))


# ---- nothing left behind ----


@pytest.fixture(scope="module", autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """Fails the module whose tests leave a process or a network namespace standing."""
    before = standing()
    yield
    deadline = time.monotonic() + ENDED_WITHIN
    while (left := standing() - before) and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    assert not left, f"left behind: {', '.join(sorted(left))}"


def standing() -> set[str]:
    """Every network namespace, and every other process that this run started."""
    found = {f"network namespace {path.name}" for path in Path("/run/netns").glob("*")}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if MARK in (process / "environ").read_bytes() and process.name != str(os.getpid()):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                found.add(f"process {process.name} ({command.strip()})")
        except OSError:
            continue  # it has just ended, or is another user's
    return found


# ---- skips said aloud ----


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", ())
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    if reasons:
        terminalreporter.section("not run, and why")
    for reason, count in reasons.most_common():
        terminalreporter.line(f"{count:5}  {reason}")
