"""`carom demo`: direct routing on this machine, seen with one's own eyes."""

from __future__ import annotations

import json
import time

import click

from carom.cli.options import json_option
from carom.lab import demo, report, signals


@click.command()
@json_option
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Build a network, send requests through it, show what happened.

    The network is the chapter's: a client behind a router, one Ethernet segment with the director and three real
    servers, two gateways for the way home, each in a network namespace. It is removed again at the end, whatever the
    end is. Needs root.
    """
    began = time.monotonic()

    def say(step: str) -> None:
        if not as_json:
            click.echo(f"{time.monotonic() - began:5.1f} s  {step}")

    with signals.as_interrupts():
        outcome = demo.run(say)
    if as_json:
        click.echo(json.dumps(demo.document(outcome), indent=2))
    else:
        click.echo(f"\n{report.demo(outcome)}\n")
        click.secho(report.verdict(outcome), fg="red" if outcome.problems else "green")
        click.echo(f"\n{report.how_to_go_on()}")
    context.exit(1 if outcome.problems else 0)
