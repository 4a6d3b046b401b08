"""script: a program of the operator's judges. Exit code 0 is well; its output may be expected to say something.

No shell runs it. In its arguments `%h` is the real server's address, `%p` the port, `%v` the address that is to be
checked (the VIP with `via = "vip"`), `%m` the mark that leads a packet for the VIP to this real server, 0 if there is
none (`ping -m %m %v`), and `%%` a percent sign. It runs as the daemon's user, in a session of its own, which is killed
as a whole when the time is up.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import IO

from carom.checks.checker import Target, Unmet, printable
from carom.checks.dial import settle
from carom.checks.expect import require
from carom.checks.weight import weight_answer
from carom.outcome import Outcome, Reason

OUTPUT = 64 << 10
"""Bytes of its output that are looked at; the rest is thrown away."""
GRACE = 0.1
"""Seconds that a killed program has for dying."""
STUCK = 32
"""Programs that cannot be killed, at which no further one is started."""
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


@dataclass(frozen=True, slots=True)
class Script:
    """The program, and what its output must be."""

    command: tuple[str, ...]
    """Its path and its arguments."""
    output: str = ""
    """Regular expression (RE2's syntax) to be found in its output; empty: the exit code is enough."""
    weight: bool = False
    """Whether its output says what the weight shall be (`carom.checks.weight`)."""

    async def check(self, target: Target) -> Outcome:
        _bury()
        if len(_unburied) >= STUCK:
            raise Unmet(Reason.FAULT, f"{STUCK} earlier scripts cannot be killed; the last is {_unburied[-1].args!r}")
        try:
            async with asyncio.timeout(target.timeout), _running(self._words(target)) as process:
                output = await _output(process)
                await _ended(process)
        except TimeoutError:
            raise Unmet(Reason.SCRIPT, f"not done in {target.timeout:g} s, and killed") from None
        except OSError as error:
            raise Unmet(Reason.FAULT, f"{self.command[0]} cannot be run: {error.strerror}") from error
        return self._judge(process.returncode, output)

    def _words(self, target: Target) -> list[str]:
        meaning = {"h": target.real, "p": target.port, "v": target.address, "m": target.mark, "%": "%"}
        return [re.sub("%([hpvm%])", lambda found: str(meaning[found[1]]), word) for word in self.command]

    def _judge(self, code: int, output: bytes) -> Outcome:
        said = printable(output.partition(b"\n")[0])
        if code:
            ended = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
            raise Unmet(Reason.SCRIPT, f"{ended}: {said}" if said else ended)
        require(b"", self.output, output)
        return Outcome(Reason.OK, said, weight=weight_answer(output) if self.weight else None)


_unburied: list[subprocess.Popen[bytes]] = []
"""Killed, but not dead yet: they hang in the kernel (a dead file server), or may not be killed."""


@asynccontextmanager
async def _running(words: list[str]) -> AsyncIterator[subprocess.Popen[bytes]]:
    """The program, running; at the end it is killed, with all it started in its session."""
    # asyncio's own subprocesses cost a thread each before Python 3.12; Popen uses vfork and takes about a millisecond.
    process = subprocess.Popen(  # noqa: ASYNC220
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=ENVIRONMENT,
        cwd="/",
        start_new_session=True,
        bufsize=0,
    )
    try:
        yield process
    finally:
        await _kill(process)


async def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill it and its children. It has not been waited for, so that its number cannot be another's by now."""
    _pipe(process).close()
    try:
        os.killpg(process.pid, signal.SIGKILL)
        async with asyncio.timeout(GRACE):
            await _ended(process)
    except (PermissionError, TimeoutError):
        _unburied.append(process)
    else:
        process.wait()


def _bury() -> None:
    _unburied[:] = [process for process in _unburied if process.poll() is None]


async def _output(process: subprocess.Popen[bytes]) -> bytes:
    """What it writes until it closes its output, or the beginning of that."""
    pipe = _pipe(process)
    os.set_blocking(pipe.fileno(), False)
    output = b""
    while True:
        await _readable(pipe.fileno())
        if not (data := pipe.read(OUTPUT)):
            return output
        output = (output + data)[:OUTPUT]


def _pipe(process: subprocess.Popen[bytes]) -> IO[bytes]:
    if process.stdout is None:
        raise RuntimeError("a script without an output pipe")
    return process.stdout


async def _ended(process: subprocess.Popen[bytes]) -> None:
    """Returns when it has ended, without waiting for it in wait(2)'s sense; pidfd_open(2)."""
    descriptor = os.pidfd_open(process.pid)
    try:
        await _readable(descriptor)
    finally:
        os.close(descriptor)


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[bool] = loop.create_future()
    loop.add_reader(descriptor, settle, ready, True)
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)
