"""One question and one answer in datagrams."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from carom.checks.checker import Target, Unmet
from carom.checks.dial import icmp_error, open_socket, refusal
from carom.outcome import Reason

LARGEST = 65535
"""Bytes of the largest datagram."""
STRANGERS = 64
"""Datagrams passed over, at most, in the search for the answer."""


@asynccontextmanager
async def exchange(target: Target, kind: int = socket.SOCK_DGRAM, protocol: int = 0) -> AsyncIterator[socket.socket]:
    """A connected socket, on which errors come out as Unmet with what ICMP said, and a passed deadline as SILENT."""
    with open_socket(target, kind, protocol) as sock:
        try:
            async with asyncio.timeout(target.timeout):
                sock.connect((str(target.address), target.port))
                yield sock
        except TimeoutError:
            raise Unmet(Reason.SILENT, f"no answer in {target.timeout:g} s") from None
        except OSError as error:
            raise refusal(sock, error) from error


async def answer(sock: socket.socket, question: bytes, ours: Callable[[bytes], bool] = bool) -> bytes:
    """Send the question; the first datagram that is an answer to it. Raises what `exchange` translates."""
    await asyncio.get_running_loop().sock_sendall(sock, question)
    for _ in range(STRANGERS):
        if ours(data := await _next(sock)):
            return data
    raise Unmet(Reason.BAD_ANSWER, f"{STRANGERS} datagrams, none of them an answer")


async def _next(sock: socket.socket) -> bytes:
    try:
        return await asyncio.get_running_loop().sock_recv(sock, LARGEST)
    except OSError as error:
        if error.errno != errno.EPROTO:
            raise
        icmp_error(sock)  # an answer to a knock of `carom.checks.presence`: every raw socket hears it
        return b""
