"""`carom history [N]`: what ran when, who made it run, and how it was written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from carom.cli.options import json_option, socket_option
from carom.cli.table import lines, when
from carom.client import Client

HEADINGS = ("VERSION", "SINCE", "BY", "WHAT")
LEFT = frozenset({1, 2, 3})


@click.command
@click.argument("number", metavar="[VERSION]", type=click.IntRange(min=1), required=False)
@socket_option
@json_option
def command(number: int | None, socket: Path, *, as_json: bool) -> None:
    """List what ran when, and who made it run.

    With VERSION, print that configuration exactly as it was written: `carom history 12 > carom.toml`.
    """
    client = Client(socket)
    if number is not None:
        version = client.get(f"/v1/history/{number}")
        click.echo(json.dumps(version, indent=2) if as_json else version["text"], nl=as_json)
        return
    found = client.get("/v1/history")
    click.echo(json.dumps(found, indent=2) if as_json else "\n".join(text(found)))


def text(found: dict[str, Any]) -> Iterator[str]:
    """The versions as a table; what runs is marked."""
    rows = [(f"{one['number']}", when(one["when"]), one["who"], one["what"]) for one in found["versions"]]
    heading, *body = lines([HEADINGS, *rows], LEFT)
    yield f"  {click.style(heading, dim=True)}"
    for line, one in zip(body, found["versions"], strict=True):
        runs = one["number"] == found["running"]
        yield click.style(f"* {line}", bold=True) if runs else f"  {line}"
    if found["confirm_by"]:
        yield f"version {found['running']} undoes itself at {when(found['confirm_by'])} unless you run: carom confirm"
