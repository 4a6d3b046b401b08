"""`carom doctor`: whether direct routing works, seen from the director; and if not, what to do about it."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import click

from carom.cli.findings import text
from carom.cli.options import json_option, socket_option
from carom.client import Client
from carom.config.load import load_file
from carom.doctor.case import Told
from carom.doctor.examination import examine
from carom.errors import NetError, UnreachableError
from carom.finding import Verdict

CONFIG = Path("/etc/carom/carom.toml")
PINS = Path("/sys/fs/bpf/carom")
FOUND = frozenset({Verdict.FAULT, Verdict.WARNING})
"""Verdicts that something has to be done about."""


@click.command()
@socket_option
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    envvar="CAROM_CONFIG",
    show_envvar=True,
    help=f"The director's configuration; without it the file that the daemon has, else {CONFIG}.",
)
@click.option(
    "--pins",
    type=click.Path(path_type=Path),
    default=PINS,
    envvar="CAROM_PINS",
    show_default=True,
    show_envvar=True,
    help="Where the data plane is pinned.",
)
@click.option(
    "--gentle",
    is_flag=True,
    help="Leave out the one question (arp-announce) that a faulty real server answers by misleading the segment "
    "for some milliseconds.",
)
@click.option("--all", "-a", "everything", is_flag=True, help="Show what is well, too.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    *,
    socket: Path,
    config: Path | None,
    pins: Path,
    gentle: bool,
    everything: bool,
    as_json: bool,
) -> None:
    """Find out whether direct routing works.

    Asks the segment and the real servers, on which nothing has to be installed; takes some four seconds, and needs
    root. Ends with 1 if anything is found, and with 2 if there is neither a daemon nor a configuration to go by.
    """
    if os.geteuid() != 0:
        raise NetError("the doctor sends and hears frames, and that needs root: run it with sudo")
    findings = asyncio.run(examine(_told(socket, config, pins, gentle=gentle)))
    found = [finding for finding in findings if finding.verdict in FOUND]
    if as_json:
        click.echo(json.dumps({"ok": not found, "findings": [finding.as_json() for finding in findings]}, indent=2))
    else:
        click.echo("\n".join(text(findings if everything else found, findings)))
    ctx.exit(1 if found else 0)


def _told(socket: Path, config: Path | None, pins: Path, *, gentle: bool) -> Told:
    """What there is to go by. Raises UnreachableError with neither a daemon nor a file, ConfigError on a faulty one."""
    status: dict[str, Any] | None = None
    silence = ""
    try:
        status = Client(socket).get("/v1/status")
    except UnreachableError as error:
        silence = str(error)
    file = config or (Path(status["director"]["config_file"]) if status else CONFIG)
    if status is None and not file.exists():
        raise UnreachableError(f"{silence}; nor is there a configuration at {file}: name one with --config")
    return Told(load_file(file), pins, status, silence, gentle)
