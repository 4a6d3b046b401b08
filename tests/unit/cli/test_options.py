"""The shared options."""

from __future__ import annotations

from pathlib import Path

import click
from click.testing import CliRunner

from carom.cli.options import json_option, socket_option


@click.command
@socket_option
@json_option
def command(socket: Path, as_json: bool) -> None:
    click.echo(f"{socket} {as_json}")


def output(*arguments: str, **environment: str) -> str:
    return CliRunner().invoke(command, arguments, env=environment).stdout.strip()


def test_the_socket_is_the_daemons_own_unless_said_otherwise() -> None:
    assert output() == "/run/carom/carom.sock False"


def test_the_environment_names_the_socket() -> None:
    assert output(CAROM_SOCKET="/run/a.sock") == "/run/a.sock False"


def test_the_command_line_outweighs_the_environment() -> None:
    assert output("--socket", "/run/b.sock", CAROM_SOCKET="/run/a.sock") == "/run/b.sock False"


def test_json() -> None:
    assert output("--json").endswith("True")
