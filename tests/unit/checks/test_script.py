"""script: real programs, well and ill."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from carom.checks import script as scripts
from carom.checks.checker import Target, examine
from carom.checks.script import OUTPUT, Script
from carom.outcome import Outcome, Reason

TARGET = Target(ip_address("192.168.76.24"), 80, ip_address("192.168.76.31"), mark=0xCA00001, timeout=5.0)


def run(check: Script, timeout: float = 5.0) -> Outcome:
    target = Target(TARGET.address, TARGET.port, TARGET.real, TARGET.mark, timeout)
    return asyncio.run(examine(check, target))


def shell(line: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", line)


def gone(pid: int) -> bool:
    """Whether the process ends soon: a signal takes a moment."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
                return True
        except FileNotFoundError:
            return True
    return False


@pytest.fixture(autouse=True)
def nothing_open_nothing_running() -> Iterator[None]:
    before = len(list(Path("/proc/self/fd").iterdir()))
    yield
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert not scripts._unburied


def test_exit_code_0_is_well() -> None:
    found = run(Script(shell("echo fine")))
    assert (found.reason, found.text) == (Reason.OK, "fine")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("exit 3", "exit code 3"),
        ("echo no disk; exit 1", "exit code 1: no disk"),
        ("echo no disk >&2; exit 1", "exit code 1: no disk"),
        ("kill -9 $$", "killed by signal 9"),
    ],
)
def test_any_other_end_is_not(line: str, text: str) -> None:
    found = run(Script(shell(line)))
    assert (found.reason, found.text) == (Reason.SCRIPT, text)


def test_it_is_told_whom_to_check() -> None:
    found = run(Script(("/bin/echo", "%h", "%p", "%v", "%m", "100%%", "%x")))
    assert found.text == "192.168.76.31 80 192.168.76.24 211812353 100% %x"


def test_no_shell_reads_its_arguments() -> None:
    assert run(Script(("/bin/echo", "$HOME; exit 1", "*"))).text == "$HOME; exit 1 *"


def test_it_has_a_plain_environment() -> None:
    os.environ["SECRET_OF_THE_DAEMON"] = "x"
    try:
        assert not run(Script(shell("env"), output="SECRET")).ok
    finally:
        del os.environ["SECRET_OF_THE_DAEMON"]
    assert run(Script(shell("pwd"))).text == "/"


def test_its_output_may_have_to_say_something() -> None:
    assert run(Script(shell("echo status: ok"), output="ok|fine")).ok
    found = run(Script(shell("echo status: bad"), output="ok|fine"))
    assert (found.reason, found.text) == (Reason.NO_MATCH, "expected /ok|fine/, got 'status: bad·'")


def test_its_output_may_ask_for_a_weight() -> None:
    assert run(Script(shell("echo 40%"), weight=True)).weight == 0.4
    assert run(Script(shell("echo 40%"))).weight is None
    assert run(Script(shell("echo down"), weight=True)).reason is Reason.DOWN


def test_an_endless_output_is_thrown_away_and_ends_in_time() -> None:
    found = run(Script(shell("yes"), output="never"), timeout=0.2)
    assert (found.reason, found.text) == (Reason.SCRIPT, "not done in 0.2 s, and killed")
    assert found.seconds < 2


def test_a_long_output_is_searched_in_its_beginning() -> None:
    line = f"head -c {4 * OUTPUT} /dev/zero | tr '\\0' x; echo end"
    assert run(Script(shell(line), output="^x")).ok
    assert run(Script(shell(line), output="end")).reason is Reason.NO_MATCH


def test_what_it_started_dies_with_it(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    found = run(Script(shell(f"sleep 1000 & echo $! > {pid}; sleep 1000")), timeout=0.3)
    assert found.reason is Reason.SCRIPT
    assert gone(int(pid.read_text()))


def test_a_child_that_outlives_a_good_end_dies_too(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    assert run(Script(shell(f"sleep 1000 >/dev/null 2>&1 & echo $! > {pid}"))).ok
    assert gone(int(pid.read_text()))


def test_a_program_that_cannot_be_run_is_a_fault_of_ours(tmp_path: Path) -> None:
    found = run(Script(("/no/such/program",)))
    assert (found.reason, found.text) == (Reason.FAULT, "/no/such/program cannot be run: No such file or directory")
    plain = tmp_path / "plain"
    plain.write_text("not a program")
    plain.chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert run(Script((str(plain),))).text == f"{plain} cannot be run: Exec format error"


def test_one_that_cannot_be_killed_does_not_stop_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError

    stuck = Script((sys.executable, "-c", "import time; time.sleep(1000)"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "killpg", refuse)
        patch.setattr(scripts, "STUCK", 2)
        assert [run(stuck, 0.2).reason for _ in range(3)] == [Reason.SCRIPT, Reason.SCRIPT, Reason.FAULT]
        assert run(stuck, 0.2).text.startswith("2 earlier scripts cannot be killed; the last is ['")
    for process in scripts._unburied:
        process.kill()
        process.wait()
    assert run(Script(shell("true"))).ok


def test_fifty_at_once() -> None:
    async def many() -> list[Outcome]:
        return await asyncio.gather(*(examine(Script(shell("sleep 0.05; echo x")), TARGET) for _ in range(50)))

    assert all(found.ok for found in asyncio.run(many()))
