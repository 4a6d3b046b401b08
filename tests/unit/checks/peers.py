"""Peers to check, on loopback: what a real server says is written down as a script, byte by byte."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv4Address
from typing import TypeAlias

from carom.checks.checker import Checker, Target, examine
from carom.outcome import Outcome

LOOPBACK = IPv4Address("127.0.0.1")
Handler: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Script:
    """A real server's part of a conversation.

    Each step is bytes to send, or a `Hear`: bytes to wait for. At the end it closes, or falls silent.
    """

    def __init__(self, *steps: bytes | Hear, then_silent: bool = False) -> None:
        self._steps = steps
        self._then_silent = then_silent
        self.heard = b""
        """All that the check said."""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for step in self._steps:
            if isinstance(step, Hear):
                self.heard += await reader.readuntil(step.until)
            else:
                writer.write(step)
                await writer.drain()
        if self._then_silent:
            await reader.read()
        else:
            writer.write_eof() if writer.can_write_eof() else writer.close()
            await reader.read()


class Hear:
    """Wait for these bytes."""

    def __init__(self, until: bytes) -> None:
        self.until = until


@asynccontextmanager
async def serving(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A TCP server on loopback; its port."""

    async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Checks hang up with a reset; and the loop may end before this does.
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await handler(reader, writer)
        writer.transport.abort()

    server = await asyncio.start_server(quietly, str(LOOPBACK), 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


def at(port: int, timeout: float = 5.0) -> Target:
    return Target(LOOPBACK, port, LOOPBACK, timeout=timeout)


def outcome(
    checker: Checker, handler: Handler, *, context: ssl.SSLContext | None = None, timeout: float = 5.0
) -> Outcome:
    """What a check makes of a peer."""

    async def conversation() -> Outcome:
        async with serving(handler, context) as port:
            return await examine(checker, at(port, timeout))

    return asyncio.run(conversation())
