"""A hook by a program: it reads the event on its standard input, and finds its plain fields in its environment.

    CAROM_EVENT="real server down"  CAROM_SERVICE=web  CAROM_REAL=192.168.76.31  ...

No shell runs it. It runs as the daemon's user, without the capabilities of a daemon that is not root, in a session of
its own, which is killed as a whole when the time is up.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from asyncio.subprocess import PIPE, STDOUT, Process, SubprocessStreamProtocol
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from carom.errors import HookError

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
SAID = 200
"""Bytes of its output that are repeated where it fails."""
DIES_WITHIN = 1.0
"""Seconds that a killed program is waited for."""


async def run(words: tuple[str, ...], event: Mapping[str, object], within: float) -> None:
    """Run it to its end. Raises HookError unless it ends with exit code 0 within so many seconds."""
    async with _running(words, _environment(event)) as process:
        try:
            async with asyncio.timeout(within):
                said = await _told(process, json.dumps(event).encode() + b"\n")
                code = await process.wait()
        except TimeoutError:
            raise HookError(f"{words[0]} was not done in {within:g} s, and killed") from None
    if code:
        ended = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
        raise HookError(f"{words[0]}: {ended}{': ' if said else ''}{said}")


@asynccontextmanager
async def _running(words: tuple[str, ...], environment: dict[str, str]) -> AsyncIterator[Process]:
    """The program; at the end it is killed if it has not ended, and no pipe of it is left open.

    As asyncio.create_subprocess_exec does it, which has no way to close the pipes of a program that was killed.
    """
    loop = asyncio.get_running_loop()
    try:
        transport, protocol = await loop.subprocess_exec(
            lambda: SubprocessStreamProtocol(limit=1 << 16, loop=loop),
            *_with_no_more_than_a_user_has(words),
            stdin=PIPE,
            stdout=PIPE,
            stderr=STDOUT,
            env=environment,
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        raise HookError(f"{words[0]} cannot be run: {error.strerror}") from error
    process = Process(transport, protocol, loop)
    try:
        yield process
    finally:
        if process.returncode is None:
            await _kill(process)
        stdin = transport.get_pipe_transport(0)
        if isinstance(stdin, asyncio.WriteTransport) and stdin.get_write_buffer_size():
            stdin.abort()  # it has not read all
        transport.close()
        if process.stdin is not None:
            with suppress(ConnectionError):  # Python before 3.13 says aloud that nobody has asked how this pipe ended
                await process.stdin.wait_closed()


def _with_no_more_than_a_user_has(words: tuple[str, ...]) -> tuple[str, ...]:
    """Capabilities that are ambient would be handed down, capabilities(7); only setpriv(1) lays them off in time."""
    held = re.findall(r"^CapAmb:\s*0*([1-9a-f][0-9a-f]*)$", Path("/proc/self/status").read_text(), re.MULTILINE)
    if not held or not os.access(words[0], os.X_OK):  # what cannot be run is named better by the kernel
        return words
    return ("setpriv", "--ambient-caps=-all", "--inh-caps=-all", "--", *words)


def _environment(event: Mapping[str, object]) -> dict[str, str]:
    plain = {name: value for name, value in event.items() if isinstance(value, str | int | float)}
    return ENVIRONMENT | {f"CAROM_{name.upper()}": str(value).replace("\0", "") for name, value in plain.items()}


async def _told(process: Process, text: bytes) -> str:
    """Hand it the event, and listen until it closes its output; the first line of that."""
    said = b""
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("a hook without pipes")
    with suppress(ConnectionError):  # it need not read
        process.stdin.write(text)
        process.stdin.close()
    while more := await process.stdout.read(1 << 16):
        said = (said + more)[:SAID]
    return said.partition(b"\n")[0].decode(errors="replace")


async def _kill(process: Process) -> None:
    """Kill it, and all that it has started in its session."""
    with suppress(ProcessLookupError, PermissionError, TimeoutError):
        os.killpg(process.pid, signal.SIGKILL)
        async with asyncio.timeout(DIES_WITHIN):  # unless it hangs in the kernel
            await process.wait()
