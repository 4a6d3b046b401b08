"""`carom status`: what the director does now, as a table for people or the API's document for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import click

from carom.cli.options import json_option, socket_option
from carom.cli.table import flows_of, lines, narrowed, quantity, size, terminal_width, when
from carom.client import Client

Document = dict[str, Any]

HEADINGS = (
    *("REAL SERVER", "STATE", "WEIGHT", "MAC", "ACTIVE", "INACTIVE"),
    *("NEW/S", "PACKETS", "PACKETS/S", "BYTES", "BYTES/S"),
)
REASON_HEADINGS = ("REASON", "PACKETS", "PACKETS/S", "OVER 60 S", "BYTES", "")
LEFT = frozenset({0, 1, 3})
SPARE = (3, 9, 7, 5, 10)
"""What a narrow terminal does without: the MACs, bytes, packets, inactive flows, bytes a second, in this order."""
SHOWN = 20
"""Sentences of a kind."""


@click.command()
@click.argument("services", nargs=-1, metavar="[SERVICE]...")
@socket_option
@json_option
@click.pass_context
def command(context: click.Context, services: tuple[str, ...], socket: Path, *, as_json: bool) -> None:
    """Show what the director does now.

    Of these services only, if any are named.

    Ends with 1 if something is wrong, which the output names, and with 2 if no director answers.
    """
    status = Client(socket).get("/v1/status")
    if services:
        status["services"] = _only(status["services"], services)
    if as_json:
        click.echo(json.dumps(status, indent=2))
    else:
        click.echo("\n".join(text(status, terminal_width())))
    context.exit(1 if status["faults"] else 0)


def _only(services: list[Document], names: tuple[str, ...]) -> list[Document]:
    found = [service for service in services if service["name"] in names]
    if unknown := set(names) - {service["name"] for service in found}:
        there = ", ".join(service["name"] for service in services[:SHOWN])
        raise click.UsageError(f"there is no service {min(unknown)}; there are {there}")
    return found


def text(status: Document, width: int | None = None) -> Iterator[str]:
    """The document for people, line by line; `width` is the terminal's."""
    yield from _director(status["director"], status["configuration"])
    yield flows_of(status)
    yield from _services(status["services"], width)
    if any(reason["packets"] for reason in status["reasons"]):
        yield ""
        yield from _reasons(status["reasons"])
    if status["faults"]:
        yield ""
        yield from _listed(click.style("Wrong at present", bold=True, fg="red"), status["faults"])
    if status["warnings"]:
        yield ""
        yield from _listed(click.style("Worth knowing", bold=True, fg="yellow"), status["warnings"])


def _director(director: Document, configuration: Document) -> Iterator[str]:
    plane = " ".join(word for word in (director["plane"], director["mode"]) if word)
    begun = "took over" if director["taken_over"] else "attached"
    yield click.style(f"Director on {director['interface']}", bold=True) + f"  {director['mac'] or 'NIC gone'}  {plane}"
    if inside := director["inside"]:
        yield f"real servers by {inside['interface']}  {inside['mac'] or 'NIC gone'}"
    yield f"process {director['pid']} {begun} and is ready since {director['since']}"
    version = f"version {configuration['version']} of {director['config_file']}"
    if configuration["confirm_by"]:
        version += f", which undoes itself at {when(configuration['confirm_by'])} unless you run: carom confirm"
    yield version


def _services(services: list[Document], width: int | None) -> Iterator[str]:
    """Every service with its real servers, all in the same columns."""
    rows = [HEADINGS, *(row for service in services for row in _rows(service))]
    table = lines(narrowed(rows, None if width is None else width - 2, SPARE), LEFT)
    heading = next(table)
    for service in services:
        name = click.style(service["name"], bold=True)
        standing = "" if service["standing"] == "serving" else click.style(f"  {service['standing']}", fg="red")
        yield ""
        yield f"{name}  {service['vip']}  {' '.join(service['ports'])}  {service['scheduler']}{standing}"
        yield f"  {click.style(heading, dim=True)}"
        for real, line in zip_longest(_shown(service), islice(table, len(_rows(service)))):
            yield f"  {line if real is None or real['up'] else click.style(line, fg='red')}"


def _shown(service: Document) -> list[Document]:
    sorry = [service["sorry"]] if service["sorry"] else []
    return [*service["reals"], *sorry]


def _rows(service: Document) -> list[tuple[str, ...]]:
    rows, totals = [_row(real) for real in _shown(service)], service["totals"]
    if len(rows) > 1:
        rows.append(("all", "", "", "", *_numbers(totals)))
    if rows:
        rows.append(("over 60 s", "", "", "", "", "", *_rates_alone(totals["rates_minute"])))
    return rows


def _row(real: Document) -> tuple[str, ...]:
    weight = str(real["weight"])
    if real["effective_weight"] != real["weight"]:
        weight = f"{real['effective_weight']} of {weight}"
    if real["override"]:
        weight += f" by {real['override']['by']}"
    return (real["address"], real["state"], weight, real["mac"] or "none", *_numbers(real))


def _rates_alone(rates: Document) -> tuple[str, ...]:
    return (quantity(rates["new_flows"]), "", quantity(rates["packets"]), "", size(rates["bytes"]))


def _numbers(counted: Document) -> tuple[str, ...]:
    rates = counted["rates"]
    return (
        f"{counted['active']:,}",
        f"{counted['inactive']:,}",
        quantity(rates["new_flows"]),
        f"{counted['packets']:,}",
        quantity(rates["packets"]),
        size(counted["bytes"]),
        size(rates["bytes"]),
    )


def _reasons(reasons: list[Document]) -> Iterator[str]:
    """The ways in which packets ended; those that a healthy director does not see are marked."""
    yield click.style("How packets ended", bold=True)
    seen = [reason for reason in reasons if reason["packets"]]
    heading, *body = lines([REASON_HEADINGS, *map(_reason, seen)], frozenset({0, 5}))
    yield f"  {click.style(heading, dim=True)}"
    for line, reason in zip(body, seen, strict=True):
        yield f"  {line}" if reason["normal"] else click.style(f"! {line}", fg="yellow")


def _reason(reason: Document) -> tuple[str, ...]:
    return (
        *(reason["name"], f"{reason['packets']:,}", quantity(reason["rates"]["packets"])),
        *(quantity(reason["rates_minute"]["packets"]), size(reason["bytes"]), reason["sentence"]),
    )


def _listed(title: str, sentences: list[str]) -> Iterator[str]:
    yield title
    for sentence in sentences[:SHOWN]:
        yield f"  {sentence}"
    if len(sentences) > SHOWN:
        yield f"  and {len(sentences) - SHOWN:,} more: carom status --json"
