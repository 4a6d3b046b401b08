"""The director's API as a program on the same host calls it: HTTP over the unix socket, with the standard library."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from carom.errors import ConfigError, RefusedError, UnreachableError
from carom.model import Fault

TIMEOUT = 5.0
"""Seconds for each step of a call that looks."""
CHANGE_TIMEOUT = 300.0
"""Seconds for a call that changes something: the answer comes when it is done."""


class Client:
    """Calls one director. Each call is a connection of its own.

    Calls raise UnreachableError if no director answers, RefusedError if it refuses, and ConfigError if what it refuses
    is a configuration with faults.
    """

    def __init__(self, path: Path, timeout: float = TIMEOUT) -> None:
        self._path = path
        self._timeout = timeout

    def get(self, route: str) -> Any:
        """The JSON document at a route, `/v1/status`."""
        return self._call("GET", route, None, self._timeout)

    def post(self, route: str, said: Mapping[str, object] | None = None) -> Any:
        """What the director answers when it has done this."""
        return self._call("POST", route, json.dumps(said or {}).encode(), max(CHANGE_TIMEOUT, self._timeout))

    def _call(self, method: str, route: str, body: bytes | None, timeout: float) -> Any:
        connection = _UnixConnection(self._path, self._timeout)
        headers = {"Content-Type": "application/json"} if body is not None else {}
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

    def _refused(self, route: str, status: int, document: Any) -> RefusedError | ConfigError | UnreachableError:
        match document:
            case {"faults": [*faults]}:
                return ConfigError(tuple(Fault(**fault) for fault in faults))
            case {"error": str(message)}:
                return RefusedError(status, message)
            case _:
                return UnreachableError(f"the director on {self._path} answers {route} with {status}: {document}")

    def _unreachable(self, error: Exception) -> str:
        match error:
            case FileNotFoundError() | ConnectionRefusedError():
                return f"no director answers on {self._path}: start caromd, or name its socket with --socket"
            case PermissionError():
                return f"{self._path} is not yours to ask: run this as root, or as a member of the socket's group"
            case TimeoutError():
                return f"the director on {self._path} has not answered within {self._timeout:.0f} s"
            case _:
                return f"the director on {self._path} does not answer as one: {type(error).__name__}: {error}"


class _UnixConnection(HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost")
        self._path = path
        self._seconds = timeout

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self._seconds)
        self.sock.connect(str(self._path))
