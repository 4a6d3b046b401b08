"""`carom plan [FILE]`: what a configuration would change, before anything is touched."""

from __future__ import annotations

import json
from pathlib import Path

import click

from carom.cli.differences import asked, lines
from carom.cli.options import json_option, socket_option
from carom.client import Client


@click.command
@click.argument("file", type=click.Path(path_type=Path), required=False)
@socket_option
@json_option
def command(file: Path | None, socket: Path, *, as_json: bool) -> None:
    """Show what a configuration would change.

    FILE is compared with what runs; without it, the director's own file is. Nothing is changed. A faulty FILE ends with
    1, and with the same lines as `carom check`.
    """
    client = Client(socket)
    found = client.post("/v1/plan", asked(client, file))
    click.echo(json.dumps(found, indent=2) if as_json else "\n".join(lines(found["differences"])))
