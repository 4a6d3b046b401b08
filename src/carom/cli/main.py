"""`carom`: the table of commands, and the one place where errors become exit codes.

A command's module is imported when the command is run: `carom status` does not wait for the lab's imports, nor
`carom --help` for any.

    exit code   meaning
    0           well
    1           a fault, or a degraded state that the output names
    2           wrong usage, or no director answers
    130         Ctrl-C, by the shells' convention
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click

from carom.errors import CaromError, ConfigError, RefusedError, UnreachableError

INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Entry:
    """A command before it is imported."""

    module: str
    help: str
    """One line; the command's own help begins with it."""


COMMANDS = {
    "demo": Entry("carom.cli.demo", "Build a network, send requests through it, show what happened."),
    "lab": Entry("carom.cli.lab", "The demo's network, kept standing to play in."),
    "check": Entry("carom.cli.check", "Name every fault of a configuration."),
    "plan": Entry("carom.cli.plan", "Show what a configuration would change."),
    "apply": Entry("carom.cli.apply", "Carry a configuration out, whole or not at all."),
    "confirm": Entry("carom.cli.confirm", "Let a change stand that would undo itself."),
    "rollback": Entry("carom.cli.rollback", "Make an earlier version of the configuration run again."),
    "history": Entry("carom.cli.history", "List what ran when, and who made it run."),
    "status": Entry("carom.cli.status", "Show what the director does now."),
    "top": Entry("carom.cli.top", "Watch the director at work, and drain real servers by a key."),
    "flows": Entry("carom.cli.flows", "List the flows that the director remembers."),
    "explain": Entry("carom.cli.explain", "Say where a connection would go, and why."),
    "drain": Entry("carom.cli.drain", "Take a real server out of service without losing a connection."),
    "undrain": Entry("carom.cli.undrain", "Let a real server's configured weight count again."),
    "weight": Entry("carom.cli.weight", "Set a real server's weight by hand."),
    "doctor": Entry("carom.cli.doctor", "Find out whether direct routing works."),
    "real-server": Entry("carom.cli.real_server", "Prepare a real server for direct routing."),
}
"""Every command, in the order in which a newcomer meets them."""


def sentence(error: CaromError) -> str:
    """What a person reads. A configuration's faults begin with `FILE:LINE:`, for editors to jump to."""
    return str(error) if isinstance(error, ConfigError) else f"carom: {error}"


def exit_code(error: CaromError) -> int:
    """2 where the command itself was wrong, or has no director to speak to; 1 where something is wrong elsewhere."""
    unheard = isinstance(error, UnreachableError) or (isinstance(error, RefusedError) and error.status <= 404)
    return 2 if unheard else 1


class Commands(click.Group):
    """The group `carom`, whose commands are in COMMANDS."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[cmd_name].module).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CaromError as error:
            click.echo(sentence(error), err=True)
            ctx.exit(exit_code(error))
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="carom")
def carom() -> None:
    """Carom, the load balancer by direct routing.

    caromd runs a director by /etc/carom/carom.toml; with these commands you look at it, change it and operate it. To
    see one at work in a network of its own, type `sudo carom demo`.

    Exit codes: 0 well, 1 a fault or a degraded state that the output names, 2 wrong usage or no director answers.
    """


def main() -> None:
    """The program `carom`."""
    carom(prog_name="carom")
