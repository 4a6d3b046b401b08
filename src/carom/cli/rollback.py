"""`carom rollback [N]`: make an earlier version run again."""

from __future__ import annotations

import json
from pathlib import Path

import click

from carom.cli.apply import text
from carom.cli.options import json_option, socket_option
from carom.client import Client


@click.command
@click.argument("number", metavar="[VERSION]", type=click.IntRange(min=1), required=False)
@socket_option
@json_option
def command(number: int | None, socket: Path, *, as_json: bool) -> None:
    """Make an earlier version of the configuration run again.

    Without VERSION, the one before what runs; while a change awaits confirmation, the one from before the change. It
    becomes a new version, so a rollback can be rolled back too. `carom history` lists them.
    """
    change = Client(socket).post("/v1/rollback", {"to": number})
    click.echo(json.dumps(change, indent=2) if as_json else "\n".join(text(change)))
