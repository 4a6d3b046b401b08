"""`carom undrain SERVICE REAL`: take back what `carom drain` or `carom weight` has set."""

from __future__ import annotations

import json
from pathlib import Path

import click

from carom.cli.options import json_option, socket_option
from carom.client import Client


@click.command
@click.argument("service")
@click.argument("real")
@socket_option
@json_option
def command(service: str, real: str, socket: Path, *, as_json: bool) -> None:
    """Let a real server's configured weight count again.

    SERVICE is a service's name, REAL a real server's address.
    """
    found = Client(socket).post("/v1/undrain", {"service": service, "real": real})
    click.echo(json.dumps(found, indent=2) if as_json else f"{service} {real}: its configured weight counts again")
