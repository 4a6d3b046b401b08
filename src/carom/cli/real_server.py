"""`carom real-server`: the real server's side of the ARP problem: plan, join, verify, leave, and scripts for others."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Any, TypeVar

import click

from carom.cli.findings import text
from carom.cli.leaving import Drained, clients, drain
from carom.cli.options import Seconds, json_option
from carom.client import Client
from carom.errors import CaromError, WishError
from carom.finding import Verdict
from carom.model import Address, Ports
from carom.realserver import record
from carom.realserver.apply import Applied
from carom.realserver.arp import METHODS
from carom.realserver.choose import Asked
from carom.realserver.persist.common import Item
from carom.realserver.persist.means import MEANS
from carom.realserver.session import Plan, Session

Command = TypeVar("Command", bound=Callable[..., Any])
SEVERITY = tuple(reversed(Verdict))
PERSIST = ("auto", "none", *MEANS)
NIC_HELP = "The NIC where the director's frames arrive.  [the one on the VIP's network, else the gateway's]"
SYSTEMS = ("windows", "freebsd", "openbsd", "macos", "solaris", "aix")


class AddressType(click.ParamType[Address]):
    """An IPv4 or IPv6 address."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        try:
            return ip_address(value)
        except ValueError:
            self.fail(f"{value} is no IPv4 or IPv6 address", param, ctx)


class PortsType(click.ParamType[Ports]):
    """A port as configurations have it."""

    name = "port"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Ports:
        try:
            return record.ports(value)
        except ValueError:
            self.fail(f"{value} is no port; write tcp/80, udp/53, tcp/8000-8010 or tcp/*", param, ctx)


class Guarded(click.Group):
    """Turns errors into sentences and exit codes: 2 where the wish makes no sense here, 1 for everything else."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CaromError as error:
            for line in (str(error), *getattr(error, "__notes__", ())):
                click.echo(f"carom: {line}", err=True)
            ctx.exit(2 if isinstance(error, WishError) else 1)


def method_help() -> str:
    """The methods with when to choose which, for the foot of the help."""
    lines = [f"{method.name}: {method.summary} {method.choose}" for method in METHODS.values()]
    means = [f"--persist {each.name}: {each.summary}." for each in MEANS.values()]
    return "\n\n".join(("Which method:", *lines, "What keeps it over a reboot (auto: systemd, else ifupdown):", *means))


@click.group(cls=Guarded)
def command() -> None:
    """Prepare a real server for direct routing.

    Every real server owns the VIP and must never say so: whoever answers ARP for it, or names it as the sender of a
    request of its own, takes the service away from the director. `join` gives this host the VIP in silence, `verify`
    shows that it is so and names what will go wrong later, `leave` puts everything back as it was.
    """


def vips_option(text: str, required: bool = False) -> Callable[[Command], Command]:
    """`--vip ADDRESS`, repeatable, as the argument `vips`."""
    return click.option(
        "--vip", "vips", type=AddressType(), multiple=True, metavar="ADDRESS", required=required, help=text
    )


def place_options(function: Command) -> Command:
    """`--netns` and `--root`: where it happens."""
    function = click.option(
        "--root",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("/"),
        hidden=True,
        help="Where /etc, /var and /run are; for tests.",
    )(function)
    return click.option(
        "--netns", metavar="NAME|PID", default="", help="Act in this network namespace, or in that of this process."
    )(function)


def director_options(function: Command) -> Command:
    """What leave is told of the director."""
    options = (
        click.option(
            "--director",
            "directors",
            multiple=True,
            metavar="URL",
            help="A director to drain this host on: https://ADDRESS:PORT, or its socket's path; may be repeated.",
        ),
        click.option(
            "--token-file",
            type=click.Path(path_type=Path, dir_okay=False, exists=True),
            help="The file with a token that may write, for https.",
        ),
        click.option(
            "--ca",
            type=click.Path(path_type=Path, dir_okay=False, exists=True),
            help="What the director's certificate is signed with.  [what this system trusts]",
        ),
        click.option("--within", type=Seconds(), default="60s", show_default=True, help="How long to wait for that."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def wish_options(function: Command) -> Command:
    """What plan and join are asked."""
    options = (
        vips_option("A virtual IP address; may be repeated.", required=True),
        click.option("--method", type=click.Choice(list(METHODS)), help="The cure of the ARP problem.  [sysctl]"),
        click.option(
            "--port", "ports", type=PortsType(), multiple=True, metavar="tcp/80", help="What is served there."
        ),
        click.option("--interface", default="", metavar="NIC", help=NIC_HELP),
        click.option("--rip", type=AddressType(), metavar="ADDRESS", help="This host's own address on that NIC."),
        click.option(
            "--tool", default="", help="The program that loads rules: arptables-legacy, nft, iptables-nft, ..."
        ),
        click.option("--shared-ports", is_flag=True, help="redirect: one daemon serves all these VIPs."),
        click.option("--persist", type=click.Choice(PERSIST), help="What keeps it over a reboot.  [auto]"),
    )
    for option in reversed(options):
        function = option(function)
    return function


@command.command(epilog=method_help())
@wish_options
@place_options
@json_option
def plan(netns: str, root: Path, as_json: bool, persist: str | None, **asked: Any) -> None:
    """Print what join would do, as commands, and do nothing."""
    session = Session.open(netns, root)
    planned = session.plan(_asked(asked), persist)
    click.echo(json.dumps(plan_document(planned), indent=2) if as_json else "\n".join(plan_text(planned)))


@command.command(epilog=method_help())
@wish_options
@place_options
@json_option
def join(netns: str, root: Path, as_json: bool, persist: str | None, **asked: Any) -> None:
    """Give this host the VIPs, in silence, now and after every reboot.

    Doing it again changes nothing. If any part fails, every part is undone.
    """
    _need_root("join")
    session = Session.open(netns, root)
    with interrupted_politely():
        planned, applied = session.join(_asked(asked), persist)
    if as_json:
        found = {
            "vips": [str(vip) for vip in planned.wish.vips],
            "method": planned.wish.method,
            "persist": planned.means,
        }
        click.echo(json.dumps({**found, **applied_document(applied)}, indent=2))
        return
    click.echo("\n".join(applied_text(applied)))
    kept = f"and after a reboot, by {planned.means}" if planned.means else f"until the next reboot: {planned.why_not}"
    click.echo(f"{_vips(planned.wish.vips)}: on this host now {kept}. To check: carom real-server verify")


@command.command()
@vips_option("Only this VIP; may be repeated.  [all that were joined]")
@director_options
@place_options
@json_option
def leave(
    vips: tuple[Address, ...],
    directors: tuple[str, ...],
    token_file: Path | None,
    ca: Path | None,
    within: float,
    netns: str,
    root: Path,
    as_json: bool,
) -> None:
    """Undo what join did, and nothing else: earlier values come back.

    With --director, the director is told first to send this host no more, and the connections that it has go on until
    they end or --within is over. If the director cannot be asked, nothing is done; leave the option out to leave at
    once.

    Then the address goes first and the silence last. What was so before join, or was changed by someone since, is left.
    """
    _need_root("leave")
    session = Session.open(netns, root)
    leaving = session.leaving(tuple(dict.fromkeys(vips)))
    drained = _drain(session, leaving, clients(directors, token_file, ca), within, quiet=as_json)
    applied = session.leave(leaving)
    if as_json:
        click.echo(json.dumps({"drained": [each.as_json() for each in drained], **applied_document(applied)}, indent=2))
    else:
        click.echo("\n".join(applied_text(applied)) or "nothing is joined on this host")


def _drain(
    session: Session, vips: tuple[Address, ...], asked: list[Client], within: float, *, quiet: bool
) -> list[Drained]:
    """Raises CaromError, with a note that nothing was done on this host."""
    if not asked:
        if vips and not quiet:
            click.echo("no --director is named: connections that this host still has end now")
        return []
    try:
        return drain(asked, vips, session.addresses(), within, (lambda _: None) if quiet else click.echo)
    except CaromError as error:
        error.add_note("nothing was changed on this host; without --director it leaves at once")
        raise


@command.command()
@vips_option("Only this VIP; may be repeated.  [all that were joined]")
@click.option("--method", type=click.Choice(list(METHODS)), help="For VIPs that Carom did not join.  [sysctl]")
@click.option("--port", "ports", type=PortsType(), multiple=True, metavar="tcp/80", help="What is served there.")
@click.option("--interface", default="", metavar="NIC", help=NIC_HELP)
@click.option(
    "--director",
    "directors",
    type=AddressType(),
    multiple=True,
    metavar="ADDRESS",
    help="A director, which must not be this host's gateway; may be repeated.",
)
@click.option("--client", type=AddressType(), metavar="ADDRESS", help="A client, to see its replies' way home.")
@place_options
@json_option
@click.pass_context
def verify(
    ctx: click.Context,
    /,
    directors: tuple[Address, ...],
    client: Address | None,
    netns: str,
    root: Path,
    as_json: bool,
    **asked: Any,
) -> None:
    """Check every part, also what only shows later, and say what to do.

    Works on hosts that were prepared by hand, too. Ends with 1 if there is a fault.
    """
    _need_root("verify")
    findings = Session.open(netns, root).verify(_asked(asked), directors, client)
    if as_json:
        click.echo(json.dumps({"findings": [finding.as_json() for finding in findings]}, indent=2))
    else:
        worst_first = sorted(findings, key=lambda finding: SEVERITY.index(finding.verdict))
        click.echo("\n".join(text(worst_first, findings)))
    ctx.exit(1 if any(finding.verdict is Verdict.FAULT for finding in findings) else 0)


@command.command()
@click.option("--os", "system", type=click.Choice(SYSTEMS), required=True, help="The system that the host runs.")
@vips_option("A virtual IP address; may be repeated.", required=True)
@click.option("--port", "ports", type=PortsType(), multiple=True, metavar="tcp/80", help="Opened in Windows' firewall.")
def script(system: str, vips: tuple[Address, ...], ports: tuple[Ports, ...]) -> None:
    """Print a script for a system that is not Linux.

    It is complete, with its undo. Each part names the documentation that it rests on.
    """
    from carom.realserver.foreign import scripts

    click.echo(scripts.script(system, tuple(dict.fromkeys(vips)), ports), nl=False)


def plan_document(planned: Plan) -> dict[str, Any]:
    wish = planned.wish
    return {
        "vips": [str(vip) for vip in wish.vips],
        "method": wish.method,
        "interface": wish.interface,
        "rip": str(wish.rip) if wish.rip else None,
        "steps": [
            {"command": str(step.command()), "why": step.why, "already": already} for step, already in planned.steps
        ],
        "persist": planned.means,
        "files": [
            {"path": item.path, "mode": f"{item.mode:o}", "content": item.content, "target": item.target or None}
            for item in planned.items
        ],
    }


def plan_text(planned: Plan) -> Iterator[str]:
    """A shell script that a person can read, and could run."""
    wish = planned.wish
    how = f"method {wish.method}" + (f" by {wish.tool}" if wish.tool else "")
    yield f"# {_vips(wish.vips)} on this host, {how}; the director's frames arrive on {wish.interface}"
    for step, already in planned.steps:
        yield f"\n# {step.why}" + (" (already so)" if already else "")
        yield f"# {step.command()}" if already else str(step.command())
    yield f"\n# after a reboot: {planned.means or planned.why_not}"
    for item in planned.items:
        yield from item_text(item)


def item_text(item: Item) -> Iterator[str]:
    if item.target:
        yield f"\nmkdir -p {item.path.rpartition('/')[0]} && ln -sf {item.target} {item.path}"
    else:
        yield f"\ninstall -D -m {item.mode:o} /dev/stdin {item.path} <<'END'\n{item.content}END"


def applied_document(applied: Applied) -> dict[str, Any]:
    return {
        "changed": applied.changed,
        "outcomes": [{"what": each.what, "subject": each.subject, "note": each.note} for each in applied.outcomes],
    }


def applied_text(applied: Applied) -> Iterator[str]:
    for each in applied.outcomes:
        yield f"{each.what:<8} {each.subject}" + (f"  # {each.note}" if each.note else "")


def _asked(options: dict[str, Any]) -> Asked:
    rip = options.pop("rip", None)
    if rip is not None and not isinstance(rip, IPv4Address):
        raise WishError(f"--rip {rip} is written into ARP, which is IPv4; name the host's IPv4 address")
    return Asked(**{**options, "rip": rip, "method": options["method"] or ""})


def _vips(vips: tuple[Address, ...]) -> str:
    return ", ".join(map(str, vips))


@contextmanager
def interrupted_politely() -> Iterator[None]:
    """Let SIGTERM undo a join that is under way, as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _need_root(name: str) -> None:
    if os.geteuid() != 0:
        raise WishError(f"`carom real-server {name}` changes or reads what only root may; run it with sudo")
