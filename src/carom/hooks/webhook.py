"""A hook by HTTP: the event is sent as JSON, by POST.

Names have to be looked up, and the resolver only knows how to block: so each attempt has a thread of its own. If its
time is up it is cut off and left to end by itself; nothing waits for it, not even the daemon's end.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Thread
from urllib.parse import urlsplit

from carom.errors import HookError
from carom.model import site

WELL = range(200, 300)


async def post(url: str, headers: Iterable[tuple[str, str]], event: Mapping[str, object], within: float) -> None:
    """Send the event there. Raises HookError unless it is taken within these seconds; no redirection is followed."""
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[int | Exception] = loop.create_future()
    connection = _connection(url, within)

    def attempt() -> None:
        try:
            result: int | Exception = _status(connection, url, headers, event)
        except (OSError, HTTPException) as error:
            result = error
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(_settle, answered, result)

    Thread(target=attempt, name="carom-hook", daemon=True).start()
    try:
        async with asyncio.timeout(within):
            result = await answered
    except TimeoutError:
        raise HookError(f"{site(url)} has not answered in {within:g} s") from None
    finally:
        _cut_off(connection)
    if isinstance(result, Exception):
        raise HookError(f"{site(url)} cannot be told: {result}") from result
    if result not in WELL:
        raise HookError(f"{site(url)} answers with status {result}")


def _connection(url: str, timeout: float) -> HTTPConnection:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        return HTTPSConnection(host, parts.port, timeout=timeout, context=ssl.create_default_context())
    return HTTPConnection(host, parts.port, timeout=timeout)


def _status(
    connection: HTTPConnection, url: str, headers: Iterable[tuple[str, str]], event: Mapping[str, object]
) -> int:
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    theirs = dict(headers)
    named = {name.lower() for name in theirs}
    ours = {"Content-Type": "application/json", "User-Agent": "carom"}
    own = {name: value for name, value in ours.items() if name.lower() not in named}
    with closing(connection):
        connection.request("POST", target, json.dumps(event).encode(), own | theirs)
        with connection.getresponse() as response:
            return response.status


def _cut_off(connection: HTTPConnection) -> None:
    if isinstance(found := connection.sock, socket.socket):  # none while the name is looked up
        with suppress(OSError):
            found.shutdown(socket.SHUT_RDWR)


def _settle(answered: asyncio.Future[int | Exception], result: int | Exception) -> None:
    if not answered.done():
        answered.set_result(result)
