"""`carom drain SERVICE REAL`: no new connections for a real server, and a countdown of those that are left."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from carom.cli.options import Seconds, json_option, socket_option
from carom.client import Client
from carom.errors import RefusedError

LOOK_EVERY = 1.0
"""Seconds; the daemon counts as often."""
QUIET_LOOKS = 2
"""Looks in a row that see no connection, until it is believed: a count may be as old as the daemon's last look."""
TELL_EVERY = 10
"""Looks between two lines where there is no terminal to count down on."""


@dataclass(frozen=True, slots=True)
class Left:
    """What a real server that drains still has."""

    active: int
    closing: int
    """Flows whose connections are over, and are remembered for a while; with UDP, every flow is one."""
    counts: int
    """Those that somebody would miss."""

    @property
    def words(self) -> str:
        connections = "connection" if self.counts == 1 else "connections"
        closing = f", {self.closing:,} more closing" if self.closing and self.counts == self.active else ""
        return f"{self.counts:,} {connections} left{closing}"


@click.command
@click.argument("service")
@click.argument("real")
@click.option("--deadline", type=Seconds(), help="Count it as down after this time, whatever connections are left.")
@click.option("--no-wait", is_flag=True, help="Do not wait until it is empty.")
@socket_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    service: str,
    real: str,
    deadline: float | None,
    no_wait: bool,
    socket: Path,
    *,
    as_json: bool,
) -> None:
    """Take a real server out of service without losing a connection.

    SERVICE is a service's name, REAL a real server's address. It gets no new connections, those it has go on, and the
    command counts them down until it is safe to reboot. That stands, over restarts too, until `carom undrain`.

    After --deadline it counts as down: what becomes of the connections left is what the service's `on_down` says.

    Exit codes: 0 empty, 1 the deadline came first, 2 wrong usage or no director answers. Ctrl-C ends the waiting only.
    """
    client = Client(socket)
    began = time.monotonic()
    client.post("/v1/drain", {"service": service, "real": real, "within": deadline})
    if no_wait:
        click.echo(json.dumps({"service": service, "real": real}) if as_json else f"{service} {real} drains")
        return
    end = None if deadline is None else began + deadline
    last = _count_down(client, service, real, end, quiet=as_json)
    seconds = time.monotonic() - began
    if as_json:
        found = {"active": last.active, "closing": last.closing, "safe": last.counts == 0, "seconds": round(seconds, 1)}
        click.echo(json.dumps({"service": service, "real": real, **found}))
    elif last.counts == 0:
        click.echo(
            f"{click.style('safe to reboot', fg='green', bold=True)}: no connection is left after {seconds:.0f} s"
        )
    else:
        click.echo(
            f"{click.style('the deadline is over', fg='red', bold=True)}: {last.words}, and it is out of service"
        )
    context.exit(0 if last.counts == 0 else 1)


def left(status: dict[str, Any], service: str, real: str) -> Left:
    """What the real server still has, by a status document. Raises RefusedError if it is drained no more."""
    for found in status["services"]:
        for one in found["reals"]:
            if (found["name"], one["address"]) != (service, real):
                continue
            if one["override"] is None and one["state"] != "leaving":
                raise RefusedError(409, f"{service} {real} is drained no more: somebody has taken it back")
            closing_counts = any(not ports.startswith("tcp/") for ports in found["ports"])
            return Left(one["active"], one["inactive"], one["active"] + (one["inactive"] if closing_counts else 0))
    return Left(0, 0, 0)  # the configuration has dropped it meanwhile, and its flows are gone


def _count_down(client: Client, service: str, real: str, end: float | None, *, quiet: bool) -> Left:
    """Look until nothing is left or the deadline is over, and say what is seen."""
    quiet_looks, number = 0, 0
    while True:
        seen = left(client.get("/v1/status"), service, real)
        quiet_looks = quiet_looks + 1 if seen.counts == 0 else 0
        done = quiet_looks >= QUIET_LOOKS or (end is not None and time.monotonic() >= end)
        if not quiet:
            _say(seen, end, number, done=done)
        if done:
            return seen
        number += 1
        time.sleep(LOOK_EVERY)


def _say(seen: Left, end: float | None, number: int, *, done: bool) -> None:
    remaining = "" if end is None else f"; {max(0.0, end - time.monotonic()):.0f} s until the deadline"
    if sys.stdout.isatty():
        click.echo(f"\r\x1b[K{seen.words}{remaining}", nl=done)
    elif number % TELL_EVERY == 0 and not done:
        click.echo(f"{seen.words}{remaining}")
