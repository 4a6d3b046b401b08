"""`carom lab`: the demo's network, kept standing to play in."""

from __future__ import annotations

import json
import os
import signal
import sys
from difflib import get_close_matches
from pathlib import Path

import click

from carom.cli.options import json_option
from carom.config.load import load_file
from carom.errors import LabError
from carom.lab import breakage, director, namespaces, report, signals, standing, survey
from carom.lab.faults import FAULTS
from carom.lab.network import NAMESPACES, NODES, VIP, VIP6
from carom.lab.reals import endpoints
from carom.lab.setup import OWN_ENDPOINTS, serve, set_to_work
from carom.lab.standing import DEFAULT_NAME, Lab
from carom.model import Config

NOT_FOUND = 127
"""The exit code of a command that is not there, by the shells' convention."""

name_option = click.option(
    "--name", default=DEFAULT_NAME, show_default=True, help="Which lab, where there are several."
)


@click.group()
def command() -> None:
    """The demo's network, kept standing to play in.

    Nodes: client, router, director, real1, real2, real3, gateway1, gateway2; and the two wires between them,
    internet and segment. Each is a network namespace, carom-NAME-NODE, which `ip netns` knows too. Needs root.
    """


@command.command()
@name_option
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The director's configuration; without it one service of three real servers, weights 3, 2, 1.",
)
@click.option("--no-director-daemon", "idle", is_flag=True, help="Leave the director without its daemon.")
def up(name: str, config: Path | None, idle: bool) -> None:
    """Build the network and set it to work.

    The real servers own every VIP of the configuration and listen on its TCP ports.
    """
    wished = _checked(load_file(config), config) if config else None
    vips = dict.fromkeys((VIP, VIP6, *(wished.vips if wished else ())))
    where = dict.fromkeys((*OWN_ENDPOINTS, *(endpoints(wished) if wished else ())))
    text = director.configuration((3, 2, 1))
    with signals.as_interrupts(), standing.temporary(name, tuple(vips), config or text) as lab:
        if idle:
            serve(lab, tuple(where))
        else:
            set_to_work(lab, tuple(where))
        lab.leave_standing()
    click.echo(report.invitation(lab))
    if idle:
        click.echo(f"\n{report.daemon_wanted(lab)}")


@command.command()
@name_option
@json_option
def status(name: str, as_json: bool) -> None:
    """Show what runs in it and what crossed each leg so far."""
    standing.require_root()
    seen = survey.take(standing.find(name))
    click.echo(json.dumps(survey.document(seen), indent=2) if as_json else report.survey(seen))


@command.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@name_option
@click.argument("node")
@click.argument("argv", metavar="-- CMD [ARG]...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def exec(context: click.Context, name: str, node: str, argv: tuple[str, ...]) -> None:  # noqa: A001 - its name
    """Run a command on a node; its exit code is passed on."""
    words = argv[1:] if argv[0] == "--" else argv
    if not words:
        raise click.UsageError("name a command to run after the node")
    standing.require_root()
    lab = standing.find(name)
    _require_node(node)
    namespaces.enter(lab.namespace(node))
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and a program inherits that
    try:
        os.execvpe(words[0], words, _environment(lab))  # noqa: S606 - it takes over our terminal
    except OSError as error:
        click.echo(f"carom: cannot run `{words[0]}`: {(error.strerror or str(error)).lower()}", err=True)
        context.exit(NOT_FOUND)


@command.command()
@click.option("--long", "-l", "at_length", is_flag=True, help="With the nodes that each happens to, and what it is.")
def faults(*, at_length: bool) -> None:
    """List the faults that a node can be broken with, one name a line."""
    click.echo(report.faults() if at_length else "\n".join(FAULTS))


@command.command("break")
@name_option
@click.argument("node")
@click.argument("fault")
def break_(name: str, node: str, fault: str) -> None:
    """Break a node, for `carom doctor` to find.

    `carom lab heal` undoes it. `carom lab faults --long` tells what each fault is, and which nodes it happens to.
    """
    lab = _standing_lab(name, node)
    breakage.inflict(lab, node, fault)
    click.echo(f"{node}: {FAULTS[fault].about} Undo it: {report.carom_lab('heal', lab)} {node}")


@command.command()
@name_option
@click.argument("node")
def heal(name: str, node: str) -> None:
    """Undo every fault of a node.

    It is exactly as it was before the first.
    """
    healed = breakage.heal(_standing_lab(name, node), node)
    click.echo(f"{node}: {', '.join(healed)} undone" if healed else f"{node} is not broken")


@command.command()
@name_option
def down(name: str) -> None:
    """End everything that runs in it and remove it."""
    standing.take_down(name)


def _checked(config: Config, file: Path) -> Config:
    """The lab's director has one NIC. Raises LabError for a configuration that wants others."""
    wanted = [nic for nic in (config.director.interface, config.director.inside) if nic]
    if wanted != ["eth0"]:
        raise LabError(
            f'{file} wants a director with {" and ".join(wanted)}; the lab\'s has one NIC: interface = "eth0"'
        )
    return config


def _standing_lab(name: str, node: str) -> Lab:
    standing.require_root()
    lab = standing.find(name)
    _require_node(node, tuple(NODES))
    return lab


def _require_node(node: str, known: tuple[str, ...] = NAMESPACES) -> None:
    if node not in known:
        nearest = get_close_matches(node, known, 1)
        hint = f"; did you mean `{nearest[0]}`?" if nearest else "."
        raise LabError(f"the lab has no node `{node}`{hint} Its nodes: {', '.join(known)}")


def _environment(lab: Lab) -> dict[str, str]:
    """Ours, in which `carom` is this very program and talks to the lab's director."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    own = {"CAROM_SOCKET": str(lab.socket), "CAROM_PINS": str(lab.pins), "CAROM_CONFIG": lab.record.config}
    return {**os.environ, "PATH": path, **own}
