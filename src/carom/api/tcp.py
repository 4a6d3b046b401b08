"""The API's way in by TCP: TLS, and never more connections at a time than the daemon can pay for.

asyncio accepts whoever connects and uvicorn counts whom it serves, but a TLS connection costs most in between, before
anybody has said who he is. So connections are counted here, from `accept` on. When all places are taken, further ones
wait where they cost this process nothing: in the kernel's queue, and when that is full, with the sender.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from carom.errors import NetError

log = logging.getLogger(__name__)

QUEUE = 256
"""Connections that the kernel lets wait."""
AFTER_A_FAILURE = 1.0
"""Seconds until the next `accept`, when one failed for want of files or memory."""


class Guest(Protocol):
    """An asyncio protocol that tells whether it has a connection."""

    gone: asyncio.Event
    """Set while it has none: before `connection_made`, and after `connection_lost`."""


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms connections are accepted."""

    tls: ssl.SSLContext
    places: int
    """Connections at a time, from `accept` to the last byte."""
    handshake_within: float
    """Seconds that a handshake may take."""
    farewell_within: float
    """Seconds that the other end has to agree to the end."""


@contextmanager
def listening_on(address: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens on this address and port. Raises NetError."""
    try:
        listener = socket.create_server(
            (address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET, backlog=QUEUE
        )
    except OSError as error:
        raise NetError(f"{address} port {port} cannot be listened on: {error.strerror or error}") from error
    with listener:
        listener.setblocking(False)
        yield listener


def tls_context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    """TLS 1.2 or later, with this certificate. Raises NetError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise NetError(f"{certificate} and its key cannot be used: {error}") from error
    return context


async def admit(listener: socket.socket, terms: Terms, guest: Callable[[], Any]) -> None:
    """Accept connections until cancelled, each for a Guest that `guest` makes; those made go on."""
    places = asyncio.Semaphore(terms.places)
    async with asyncio.TaskGroup() as tasks:
        while True:
            await places.acquire()
            connection = await _accepted(listener)
            tasks.create_task(_attend(connection, terms, guest)).add_done_callback(lambda _: places.release())


async def _accepted(listener: socket.socket) -> socket.socket:
    while True:
        try:
            connection, _ = await asyncio.get_running_loop().sock_accept(listener)
        except ConnectionError:  # accept(2): whoever came has gone again
            continue
        except OSError as error:
            log.warning("no connection is accepted for now: %s", error.strerror)
            await asyncio.sleep(AFTER_A_FAILURE)
        else:
            return connection


async def _attend(connection: socket.socket, terms: Terms, guest: Callable[[], Any]) -> None:
    """Until the connection has ended, or there is none since the handshake failed."""
    loop = asyncio.get_running_loop()
    try:
        _, made = await loop.connect_accepted_socket(
            guest,
            connection,
            ssl=terms.tls,
            ssl_handshake_timeout=terms.handshake_within,
            ssl_shutdown_timeout=terms.farewell_within,
        )
    except OSError as error:  # among them every ssl.SSLError
        error.with_traceback(
            None
        )  # its frames hold it, and a quarter of a MiB of buffers, until somebody collects garbage
        return
    await made.gone.wait()
