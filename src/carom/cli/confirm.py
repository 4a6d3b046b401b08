"""`carom confirm`: let a change stand that was made with `carom apply --confirm-within`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from carom.cli.options import json_option, socket_option
from carom.client import Client


@click.command
@socket_option
@json_option
def command(socket: Path, *, as_json: bool) -> None:
    """Let a change stand that would undo itself.

    Ends with 1 if nothing awaits confirmation: the change stands already, or has undone itself.
    """
    found = Client(socket).post("/v1/confirm")
    click.echo(json.dumps(found, indent=2) if as_json else f"version {found['version']['number']} stands")
