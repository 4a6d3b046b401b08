"""The lab's client: fresh connections to the VIP, made on the client's node and timed there."""

from __future__ import annotations

import socket
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection, HTTPException
from ipaddress import IPv6Address

from carom.lab import namespaces
from carom.model import Address

_TIMEOUT = 3.0
"""Seconds a connection may stand still."""
_GIVE_UP_AFTER = 3
"""Failures in a row after which the rest of the requests need not be tried."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole answer."""

    real: str
    """Who gave it, by its own word."""
    bytes: int
    """Of its body."""
    seconds: float
    """From the first SYN to the last byte."""


@dataclass(slots=True)
class Tally:
    """How a number of requests went."""

    requests: int
    by_real: Counter[str] = field(default_factory=Counter)
    """Requests answered, by who answered them."""
    errors: list[str] = field(default_factory=list)
    """What the failed ones failed of."""

    @property
    def failed(self) -> int:
        """Requests without an answer, those not tried after too many failures included."""
        return self.requests - self.by_real.total()


def send(namespace: str, vip: Address, port: int, requests: int) -> Tally:
    """Send so many requests, each on a connection of its own, one after the other."""
    tally = Tally(requests)
    in_a_row = 0
    for _ in range(requests):
        try:
            tally.by_real[get(namespace, vip, port, "/").real] += 1
            in_a_row = 0
        except (OSError, HTTPException) as error:
            tally.errors.append(f"{type(error).__name__}: {error}")
            in_a_row += 1
        if in_a_row == _GIVE_UP_AFTER:
            break
    return tally


def get(namespace: str, vip: Address, port: int, path: str) -> Answer:
    """One request on a fresh connection, its answer read to the end. Raises OSError or HTTPException."""
    began = time.monotonic()
    family = socket.AF_INET6 if isinstance(vip, IPv6Address) else socket.AF_INET
    connection = HTTPConnection(str(vip), port)
    connection.sock = namespaces.inside(namespace, partial(socket.socket, family))
    try:
        connection.sock.settimeout(_TIMEOUT)
        connection.sock.connect((str(vip), port))
        connection.request("GET", path, headers={"Connection": "close"})
        with connection.getresponse() as response:
            size = 0
            while chunk := response.read(1 << 18):
                size += len(chunk)
            if response.status != 200:
                raise HTTPException(f"{path} was answered with status {response.status}")
            return Answer(response.getheader("Server", "nobody"), size, time.monotonic() - began)
    finally:
        connection.close()
