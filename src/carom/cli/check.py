"""`carom check FILE`: every fault of a configuration, found by the loader that the daemon itself uses."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from carom.cli.options import json_option
from carom.config.load import load_file
from carom.errors import ConfigError
from carom.model import Config, Fault


@click.command
@click.argument("file", type=click.Path(path_type=Path))
@json_option
@click.pass_context
def command(ctx: click.Context, file: Path, *, as_json: bool) -> None:
    """Name every fault of a configuration.

    Each is a line, FILE:LINE: PATH: what is wrong and what to write instead. The daemon has the same loader: it refuses
    what this refuses, and nothing else.

    Exit codes: 0 sound, 1 faulty, 2 wrong usage.
    """
    faults: tuple[Fault, ...] = ()
    held = None
    try:
        held = holdings(load_file(file))
    except ConfigError as error:
        faults = error.faults
    if as_json:
        click.echo(
            json.dumps({"file": str(file), "sound": not faults, "holds": held, "faults": [*map(asdict, faults)]})
        )
    else:
        click.echo("\n".join(map(str, faults)) if held is None else f"{file}: sound: {counted(held)}")
    ctx.exit(1 if faults else 0)


def holdings(config: Config) -> dict[str, int]:
    """How many services, real servers and VIPs there are, each counted once however often it is named."""
    reals = {real.address for service in config.services for real in service.reals}
    return {"services": len(config.services), "reals": len(reals), "vips": len(config.vips)}


def counted(held: dict[str, int]) -> str:
    """`1 service, 3 reals, 1 VIP`"""
    words = {"services": "service", "reals": "real", "vips": "VIP"}
    return ", ".join(f"{count} {words[name]}{'' if count == 1 else 's'}" for name, count in held.items())
