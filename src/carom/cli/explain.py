"""`carom explain`: where a connection would go, and why, by a running director or by a configuration alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from carom.cli.flows import TIMEOUT, endpoint
from carom.cli.options import json_option, socket_option
from carom.cli.table import lines, quantity, span
from carom.client import Client

Document = dict[str, Any]

HEADINGS = ("", "CANDIDATE", "WEIGHT", "ACTIVE", "INACTIVE", "OVERHEAD", "SCORE", "")
LEFT = frozenset({0, 1, 7})
TAKEN = frozenset({"forwarded", "local"})
"""Verdicts with which the connection gets somewhere."""


@click.command
@click.option("--from", "client", metavar="CLIENT:PORT", required=True, help="203.0.113.7:41000, [2001:db8::7]:41000")
@click.option(
    "--to", "target", metavar="VIP:PORT/PROTOCOL", required=True, help="192.168.76.24:80/tcp, [2001:db8::24]:53/udp"
)
@click.option("--dry", "file", type=click.Path(path_type=Path), help="By this configuration alone, without a director.")
@socket_option
@json_option
@click.pass_context
def command(
    context: click.Context, client: str, target: str, file: Path | None, socket: Path, *, as_json: bool
) -> None:
    """Say where a connection would go, and why.

    The question is what becomes of its first packet, now: which service it is for, whether its flow is known or its
    client persistent, how the scheduler sees each real server, and the MAC that the packet leaves to. A running
    director answers from the kernel, by the schedulers and tables that packets meet; asking changes nothing.

    With --dry a file answers, as a director would that has just begun: no flows, and every real server up.

    Exit codes: 0 it would be forwarded, 1 it would not, 2 wrong usage or no director answers.
    """
    if file is None:
        query = urlencode({"from": client, "to": target})
        found = Client(socket, TIMEOUT).get(f"/v1/explain?{query}")
    else:
        found = dry(file, client, target)
    click.echo(json.dumps(found, indent=2) if as_json else "\n".join(text(found)))
    context.exit(0 if found["verdict"] in TAKEN else 1)


def dry(file: Path, client: str, target: str) -> Document:
    """What a director would do that has just begun with this configuration. Raises ConfigError."""
    from carom.config.load import load_file  # whoever asks a director needs none of these
    from carom.core import planning
    from carom.core.explain import explanation, question
    from carom.core.world import Memory, begin, recall, step
    from carom.dataplane.fake.plane import FakeDataPlane
    from carom.events import NeighbourResolved

    try:
        asked = question(client, target)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    world = recall(begin(load_file(file)), Memory(), 0.0)
    world = step(world, [NeighbourResolved(address, bytes(6)) for address in world.watched], 0.0)
    plane, plan = FakeDataPlane(), planning.plan(world)
    plane.apply(plan)
    return explanation(asked, plane.explain(asked), plan, live=False)


def text(found: Document) -> Iterator[str]:
    """For people."""
    client, vip = endpoint(found["client"], found["client_port"]), endpoint(found["vip"], found["vip_port"])
    yield click.style(f"{client} → {vip}/{found['protocol']}", bold=True)
    yield from _facts(found)
    if found["candidates"]:
        yield ""
        yield from _candidates(found)
    yield ""
    goes = f"to {found['real']}" if found["real"] else "nowhere"
    way = [word for word in (found["mac"], _vlan(found["vlan"])) if word]
    if way:
        goes += f" ({', '.join(way)})"
    taken = found["verdict"] in TAKEN
    word = goes if taken else found["verdict"].replace("_", " ")
    yield click.style(word, bold=True, fg="green" if taken else "red")
    yield f"  {found['reason']}"


def _vlan(vlan: int | None) -> str:
    """How the frame is tagged; empty where it keeps the tag with which it came, or none."""
    return "" if vlan is None else f"VLAN {vlan}" if vlan else "untagged"


def _facts(found: Document) -> Iterator[str]:
    service, flow, template = found["service"], found["flow"], found["template"]
    if service is None:
        return
    flags = f" ({', '.join(service['flags'])})" if service["flags"] else ""
    yield f"service    {service['name']}, by {service['matched']}; {service['scheduler']}{flags}"
    if flow:
        stays = f"{flow['state']}, idle {span(flow['idle'])}, expires in {span(flow['remaining'])}"
        yield f"flow       on {flow['real']}: {stays}"
    elif found["live"]:
        yield "flow       none"
    if template:
        yield f"template   {template['real']}, used {span(template['idle'])} ago, held by {template['flows']:,} flows"
    elif service["persistence"] and found["live"]:
        yield "template   none"


def _candidates(found: Document) -> Iterator[str]:
    rows = [_row(one) for one in found["candidates"]]
    heading, *body = lines([HEADINGS, *rows], LEFT)
    yield click.style(heading, dim=True)
    for line, one in zip(body, found["candidates"], strict=True):
        yield click.style(line, bold=True) if one["chosen"] else line


def _row(one: Document) -> tuple[str, ...]:
    score = "" if one["score"] is None else f"{one['score']:.4g}" if one["score"] < 1 else quantity(one["score"])
    return (
        ">" if one["chosen"] else "",
        one["address"],
        *(f"{one[name]:,}" for name in ("weight", "active", "inactive", "overhead")),
        score,
        one["why"],
    )
