"""The options that several commands share, each written once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

SOCKET = Path("/run/carom/carom.sock")
"""Where `caromd` listens unless it is told otherwise."""


def socket_option(command: Command) -> Command:
    """`--socket PATH`, the director to talk to, as the argument `socket`."""
    return click.option(
        "--socket",
        type=click.Path(path_type=Path),
        default=SOCKET,
        envvar="CAROM_SOCKET",
        show_default=True,
        show_envvar=True,
        help="The director's socket.",
    )(command)


def json_option(command: Command) -> Command:
    """`--json`, one document on stdout and nothing else, as the argument `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")(command)


class Seconds(click.ParamType[float]):
    """A duration, as a configuration has it: `90`, `"5s"`, `"2m"`."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from carom.config.scalars import duration  # most commands do without
        from carom.config.shapes import WrongValueError

        if isinstance(value, str) and value.replace(".", "", 1).isdecimal():
            value = float(value)
        try:
            return float(duration(0, 86400).read(value))
        except WrongValueError as wrong:
            self.fail(f"{wrong.what}; write seconds, or 5s, 2m, 1h", param, ctx)
