"""A bounded conversation over TCP or TLS: however long or slowly a real server talks, the check ends.

Everything that is read counts against one limit, and everything happens before one deadline.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from carom.checks.checker import Target, Unmet
from carom.checks.dial import connect, open_socket
from carom.outcome import Reason

LIMIT = 1 << 20
"""Bytes that one check reads at most."""
LINE = 8 << 10
"""Bytes of a line at most, its end included; four times what any protocol here allows."""

FAREWELL = 0.1
"""Seconds that a peer has for hanging up when told goodbye."""


class Conversation:
    """One connection to a real server, already made."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._left = LIMIT

    @property
    def tls(self) -> ssl.SSLObject | None:
        """The session's TLS; None on a plain connection."""
        tls: ssl.SSLObject | None = self._writer.get_extra_info("ssl_object")
        return tls

    async def say(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def some(self) -> bytes:
        """The next bytes; empty at the end of the stream. Raises Unmet(TOO_LONG) past the limit."""
        return self._counted(await self._reader.read(64 << 10))

    async def exactly(self, count: int) -> bytes:
        """The next `count` bytes. Raises Unmet: CLOSED if the stream ends before, TOO_LONG past the limit."""
        if count > self._left:
            raise Unmet(Reason.TOO_LONG, f"it announced {count} bytes more than a check reads")
        try:
            return self._counted(await self._reader.readexactly(count))
        except asyncio.IncompleteReadError as error:
            raise _cut_off(error.partial) from error

    async def line(self) -> bytes:
        """The next line without its end. Raises Unmet: CLOSED if the stream ends before, TOO_LONG past the limit."""
        try:
            line = self._counted(await self._reader.readuntil(b"\n"))
        except asyncio.IncompleteReadError as error:
            raise _cut_off(error.partial) from error
        except asyncio.LimitOverrunError as error:
            raise Unmet(Reason.TOO_LONG, f"a line of more than {LINE} bytes") from error
        return line.rstrip(b"\r\n")

    async def leave(self, goodbye: bytes) -> None:
        """Say goodbye and let the peer hang up first, if it does so soon: our reset would stand in its log."""
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(FAREWELL):
                await self.say(goodbye)
                await self._reader.read(LINE)

    def _counted(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise Unmet(Reason.TOO_LONG, f"more than {LIMIT} bytes")
        return data


def _cut_off(partial: bytes) -> Unmet:
    return Unmet(Reason.CLOSED, f"closed after {len(partial)} bytes of an answer")


@asynccontextmanager
async def conversation(
    target: Target, context: ssl.SSLContext | None = None, name: str | None = None
) -> AsyncIterator[Conversation]:
    """Connect, shake hands in TLS if there is a context (`name`: SNI), and talk until the deadline.

    Raises Unmet, OSError, or TimeoutError if the deadline passes after the connection was made.
    """
    deadline = asyncio.get_running_loop().time() + target.timeout
    with open_socket(target, socket.SOCK_STREAM) as sock:
        await connect(sock, target, deadline)
        async with asyncio.timeout_at(deadline):
            reader, writer = await asyncio.open_connection(
                sock=sock, ssl=context, server_hostname=name if context else None, limit=LINE
            )
            try:
                yield Conversation(reader, writer)
            finally:
                writer.transport.abort()
