"""The shared options."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from carom.cli.options import Seconds, json_option, socket_option


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


@pytest.mark.parametrize(
    ("written", "seconds"), [("90", 90.0), ("1.5", 1.5), ("500ms", 0.5), ("2m", 120.0), ("0", 0.0)]
)
def test_a_duration_is_written_as_in_a_configuration(written: str, seconds: float) -> None:
    assert Seconds().convert(written, None, None) == seconds


@pytest.mark.parametrize("written", ["soon", "-1", "2 m", "nan", "1e9", ""])
def test_what_is_no_duration_is_wrong_usage(written: str) -> None:
    with pytest.raises(click.BadParameter, match="write seconds, or 5s, 2m, 1h"):
        Seconds().convert(written, None, None)
