"""Before a real server leaves: its director sends it no more, and the connections that it has end.

Asked from the real server itself, which knows its addresses and not what services its director makes of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from carom.cli.drain import LOOK_EVERY, QUIET_LOOKS, left
from carom.client import Client, Remote
from carom.errors import WishError
from carom.model import Address


@dataclass(frozen=True, slots=True)
class Drained:
    """A real server's share of a service, on one director."""

    director: str
    service: str
    real: str
    left: int
    """Connections that it still has when it leaves."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def clients(directors: Sequence[str], token_file: Path | None, ca: Path | None) -> list[Client]:
    """Who is asked: a path is a socket on this host. Raises WishError."""
    return [Client(Path(where)) if where.startswith("/") else _remote(where, token_file, ca) for where in directors]


def _remote(url: str, token_file: Path | None, ca: Path | None) -> Client:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme != "https" or not parts.hostname or not port:
        raise WishError(f"{url!r} is no director: write https://ADDRESS:PORT as `caromd --listen` has it, or a path")
    if token_file is None:
        raise WishError(f"{url} answers to tokens alone: name the file that holds one with --token-file")
    try:
        token = token_file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WishError(f"{token_file} cannot be read: {error}") from None
    return Client(Remote(parts.hostname, port, token, ca))


def drain(
    asked: Sequence[Client],
    vips: Collection[Address],
    own: Collection[Address],
    within: float,
    say: Callable[[str], None],
) -> list[Drained]:
    """Drain the host with these addresses in every service of these VIPs, and wait, `within` seconds at most.

    Every director is asked what it has before any is told. Raises CaromError where one cannot be asked, or refuses.
    """
    shares = [(client, *share) for client in asked for share in _shares(client.get("/v1/status"), vips, own)]
    for client in asked:
        if all(share[0] is not client for share in shares):
            say(f"{client} sends nothing to this host for {', '.join(map(str, vips))}")
    for client, service, real in shares:
        client.post("/v1/drain", {"service": service, "real": real})
        say(f"draining {service} {real} on {client}")
    return _wait(shares, time.monotonic() + within, say) if shares else []


def _shares(status: dict[str, Any], vips: Collection[Address], own: Collection[Address]) -> Iterator[tuple[str, str]]:
    """Service and real server, for each service of these VIPs that this host is in."""
    wanted, here = set(map(str, vips)), set(map(str, own))
    for service in status["services"]:
        if service["vip"] in wanted:
            yield from ((service["name"], real["address"]) for real in service["reals"] if real["address"] in here)


def _wait(shares: list[tuple[Client, str, str]], end: float, say: Callable[[str], None]) -> list[Drained]:
    quiet_looks = 0
    while True:
        seen = [Drained(str(client), service, real, _left(client, service, real)) for client, service, real in shares]
        total = sum(each.left for each in seen)
        quiet_looks = quiet_looks + 1 if total == 0 else 0
        if quiet_looks >= QUIET_LOOKS:
            say("no connection is left")
            return seen
        if time.monotonic() >= end:
            say(f"the time is over: {total:,} connections are cut")
            return seen
        time.sleep(LOOK_EVERY)


def _left(client: Client, service: str, real: str) -> int:
    return left(client.get("/v1/status"), service, real).counts
