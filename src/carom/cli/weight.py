"""`carom weight SERVICE REAL WEIGHT`: set a real server's weight by hand."""

from __future__ import annotations

import json
from pathlib import Path

import click

from carom.cli.options import json_option, socket_option
from carom.client import Client


@click.command
@click.argument("service")
@click.argument("real")
@click.argument("weight", type=click.IntRange(0, 65535))
@socket_option
@json_option
def command(service: str, real: str, weight: int, socket: Path, *, as_json: bool) -> None:
    """Set a real server's weight by hand.

    It stands in place of the configured weight, over restarts and changes of the configuration, until `carom undrain`
    takes it back; `carom status` shows it. 0 gives the real server no new connections.
    """
    found = Client(socket).post("/v1/weight", {"service": service, "real": real, "weight": weight})
    click.echo(json.dumps(found, indent=2) if as_json else f"{service} {real}: weight {weight}, until carom undrain")
