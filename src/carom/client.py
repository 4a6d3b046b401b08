"""The director's API as a program calls it: HTTP over its unix socket, or TLS and a token; standard library alone."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from carom.errors import ConfigError, RefusedError, UnreachableError
from carom.model import Fault

TIMEOUT = 5.0
"""Seconds for each step of a call that looks."""
CHANGE_TIMEOUT = 300.0
"""Seconds for a call that changes something: the answer comes when it is done."""
_TIMEVAL = struct.Struct("@ll")


@dataclass(frozen=True, slots=True)
class Remote:
    """A director on another host, which `caromd --listen` makes answer there."""

    host: str
    port: int
    token: str = field(repr=False)
    ca: Path | None = None
    """What its certificate is signed with, or the certificate itself; None: what this system trusts."""

    def __str__(self) -> str:
        return f"https://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


class Client:
    """Calls one director. Each call is a connection of its own.

    Calls raise UnreachableError if no director answers, RefusedError if it refuses, and ConfigError if what it refuses
    is a configuration with faults.
    """

    def __init__(self, where: Path | Remote, timeout: float = TIMEOUT) -> None:
        """`where` is its socket on this host, or another host."""
        self._where = where
        self._timeout = timeout

    def __str__(self) -> str:
        return str(self._where)

    def get(self, route: str) -> Any:
        """The JSON document at a route, `/v1/status`."""
        return self._call("GET", route, None, self._timeout)

    def post(self, route: str, said: Mapping[str, object] | None = None) -> Any:
        """What the director answers when it has done this."""
        return self._call("POST", route, json.dumps(said or {}).encode(), max(CHANGE_TIMEOUT, self._timeout))

    def _call(self, method: str, route: str, body: bytes | None, timeout: float) -> Any:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if isinstance(self._where, Remote):
            headers["Authorization"] = f"Bearer {self._where.token}"
        try:
            connection = self._connection()
        except OSError as error:
            raise UnreachableError(f"{self} cannot be asked: its certificate cannot be checked: {error}") from error
        try:
            connection.connect()
            connection.sock.settimeout(timeout)
            connection.request(method, route, body, headers)
            response = connection.getresponse()
            document = json.loads(response.read())
        except (OSError, HTTPException, ValueError) as error:
            raise UnreachableError(self._unreachable(error)) from error
        finally:
            connection.close()
        if response.status != 200:
            raise self._refused(route, response.status, document)
        return document

    def _connection(self) -> HTTPConnection:
        if isinstance(self._where, Path):
            return _UnixConnection(self._where, self._timeout)
        return _tls_connection(self._where, self._timeout)

    def _refused(self, route: str, status: int, document: Any) -> RefusedError | ConfigError | UnreachableError:
        match document:
            case {"faults": [*faults]}:
                return ConfigError(tuple(Fault(**fault) for fault in faults))
            case {"error": str(message)}:
                return RefusedError(status, message)
            case _:
                return UnreachableError(f"the director on {self} answers {route} with {status}: {document}")

    def _unreachable(self, error: Exception) -> str:
        remedy = "start caromd, or name its socket with --socket"
        if isinstance(self._where, Remote):
            remedy = "start caromd there with --listen, or name another"
        match error:
            case FileNotFoundError() | ConnectionRefusedError():
                return f"no director answers on {self}: {remedy}"
            case PermissionError():
                return f"{self} is not yours to ask: run this as root, or as a member of the socket's group"
            case OSError() if why := getattr(error, "verify_message", ""):
                return f"{self} is not believed to be the director ({why}): name what its certificate is signed with"
            case TimeoutError():
                return f"the director on {self} has not answered within {self._timeout:.0f} s"
            case _:
                return f"the director on {self} does not answer as one: {type(error).__name__}: {error}"


def _tls_connection(where: Remote, timeout: float) -> HTTPConnection:
    """Raises OSError if the file of certificates cannot be used."""
    import ssl  # most commands do without
    from http.client import HTTPSConnection

    context = ssl.create_default_context(cafile=None if where.ca is None else str(where.ca))
    return HTTPSConnection(where.host, where.port, timeout=timeout, context=context)


class _UnixConnection(HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost")
        self._path = path
        self._seconds = timeout

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self._wait_for_a_place()
        self.sock.settimeout(self._seconds)

    def _wait_for_a_place(self) -> None:
        """With the kernel's patience: Python's own makes connect(2) give up at once where the queue is full."""
        whole, part = divmod(round(self._seconds * 1_000_000), 1_000_000)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _TIMEVAL.pack(whole, part))
        try:
            self.sock.connect(str(self._path))
        except BlockingIOError:
            raise TimeoutError from None
