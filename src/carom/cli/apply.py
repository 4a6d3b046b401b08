"""`carom apply [FILE]`: carry a configuration out, and say what changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from carom.cli.differences import asked, lines
from carom.cli.options import Seconds, json_option, socket_option
from carom.cli.table import when
from carom.client import Client


@click.command
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--confirm-within", type=Seconds(), help="Undo it by itself after this time, unless it is confirmed.")
@socket_option
@json_option
def command(file: Path | None, confirm_within: float | None, socket: Path, *, as_json: bool) -> None:
    """Carry a configuration out, whole or not at all.

    Without FILE, the director's own file is carried out. A real server that is no longer in it gets no new connections,
    and those it has may finish. Where anything goes wrong, what ran before runs on.

    With --confirm-within the change undoes itself after this time unless `carom confirm` is run: write it where the
    change could cut you off.
    """
    client = Client(socket)
    change = client.post("/v1/apply", asked(client, file) | {"confirm_within": confirm_within})
    click.echo(json.dumps(change, indent=2) if as_json else "\n".join(text(change)))


def text(change: dict[str, Any]) -> Iterator[str]:
    """What has changed, and what runs now."""
    yield from lines(change["differences"])
    number = click.style(f"version {change['version']['number']}", bold=True)
    if change["confirm_by"]:
        yield f"{number} runs, and undoes itself at {when(change['confirm_by'])} unless you run: carom confirm"
    else:
        yield f"{number} runs"
