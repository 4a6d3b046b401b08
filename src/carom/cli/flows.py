"""`carom flows`: the connections that the data plane remembers, as a table for people or one document for programs.

They come by the page and are printed as they come: a million flows take no more memory than a thousand.
"""

from __future__ import annotations

import json
import math
from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click

from carom.cli.options import Seconds, json_option, socket_option
from carom.cli.table import lines, span
from carom.client import Client
from carom.model import Protocol

Document = dict[str, Any]

PAGE = 1000
TIMEOUT = 60.0
"""Seconds for a page: an apply that is under way comes first."""
HEADINGS = ("PROTO", "CLIENT", "VIP", "REAL SERVER", "SERVICE", "STATE", "IDLE", "EXPIRES", "")
LEFT = frozenset({0, 1, 2, 3, 4, 5, 8})
FILTERS = ("client", "vip", "service", "real", "protocol", "state")


@click.command
@click.option("--client", metavar="ADDRESS", help="Those of a client, or of a network: 203.0.113.0/24.")
@click.option("--vip", metavar="ADDRESS", help="Those to a VIP.")
@click.option("--service", metavar="NAME", help="Those of a service.")
@click.option("--real", metavar="ADDRESS", help="Those on a real server.")
@click.option("--protocol", type=click.Choice([one.value for one in Protocol]), help="Those of a protocol.")
@click.option("--state", metavar="STATE", help="Those in a state: established, syn-recv, fin-wait, close, udp ...")
@click.option("--idle", type=Seconds(), help="Those without a packet for so long, or longer: 90, 5m.")
@click.option("--limit", type=click.IntRange(min=1), help="Show so many at most.")
@click.option("--count", is_flag=True, help="Only count them, by state.")
@socket_option
@json_option
def command(
    socket: Path, limit: int | None, idle: float | None, *, count: bool, as_json: bool, **said: str | None
) -> None:
    """List the flows that the director remembers.

    What is asked for is what all options together say. EXPIRES is when a flow is forgotten if no packet comes; an entry
    of a persistent client's says so.
    """
    if count and limit is not None:
        raise click.UsageError("--limit is about what is shown, and --count shows none; leave one of them out")
    client = Client(socket, TIMEOUT)
    query = {name: text for name in FILTERS if (text := said[name]) is not None}
    if idle is not None:
        query["idle"] = str(math.ceil(idle))
    if count:
        _count(client, query, as_json=as_json)
    elif as_json:
        _print_document(pages(client, query, limit))
    else:
        for line in table(pages(client, query, limit)):
            click.echo(line)


def pages(client: Client, query: dict[str, str], limit: int | None) -> Iterator[list[Document]]:
    """The flows, a page at a time."""
    left, cursor = limit, None
    while left is None or left > 0:
        more = {"limit": str(min(PAGE, left or PAGE))} | ({"cursor": cursor} if cursor else {})
        page = client.get(f"/v1/flows?{urlencode(query | more)}")
        yield page["flows"]
        left = None if left is None else left - len(page["flows"])
        cursor = page["next"]
        if cursor is None:
            return


def table(found: Iterator[list[Document]]) -> Iterator[str]:
    """For people. A page's columns are as wide as those before it, and wider only if they must be."""
    widths: Sequence[int] = ()
    for page in found:
        rows = [_row(flow) for flow in page]
        if not rows:
            continue
        first = not widths
        widths = _widened(widths, [HEADINGS, *rows] if first else rows)
        shown = lines([HEADINGS, *rows] if first else rows, LEFT, widths)
        if first:
            yield click.style(next(shown), dim=True)
        yield from shown
    if not widths:
        yield "no flows"


def _widened(widths: Sequence[int], rows: Sequence[Sequence[str]]) -> list[int]:
    needed = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [max(pair) for pair in zip(needed, widths or needed, strict=True)]


def _row(flow: Document) -> tuple[str, ...]:
    return (
        flow["protocol"],
        endpoint(flow["client"], flow["client_port"]),
        endpoint(flow["vip"], flow["vip_port"]),
        flow["real"] or "?",
        *(flow["service"] or "?", flow["state"], span(flow["idle"]), span(flow["remaining"])),
        "persistent" if flow["persistent"] else "",
    )


def endpoint(address: str, port: int) -> str:
    """`192.0.2.1:80`, `[2001:db8::1]:80`"""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _print_document(found: Iterator[list[Document]]) -> None:
    """One document, written as it comes."""
    before = ""
    click.echo('{"flows": [', nl=False)
    for page in filter(None, found):
        click.echo(before + ",".join(f"\n{json.dumps(flow)}" for flow in page), nl=False)
        before = ","
    click.echo("\n]}")


def _count(client: Client, query: dict[str, str], *, as_json: bool) -> None:
    states: Tally[str] = Tally()
    cursor: str | None = ""
    while cursor is not None:
        found = client.get(f"/v1/flows/count?{urlencode(query | ({'cursor': cursor} if cursor else {}))}")
        states.update(found["states"])
        cursor = found["next"]
    if as_json:
        click.echo(json.dumps({"count": states.total(), "states": dict(states)}))
        return
    rows = [(state, f"{count:,}") for state, count in states.most_common()]
    for line in lines([*rows, ("all", f"{states.total():,}")], frozenset({0})):
        click.echo(line)
