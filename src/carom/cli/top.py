"""`carom top`: the director at work, once a second, with keys to operate it.

What is seen is made by `screen`, which is pure; `curses` only draws it and hears the keys.
"""

from __future__ import annotations

import curses
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from carom.cli.options import socket_option
from carom.cli.table import flows_of, lines, quantity, size
from carom.client import Client
from carom.errors import CaromError, UnreachableError

LOOK_EVERY = 1000
"""Milliseconds."""
HEADINGS = ("REAL SERVER", "STATE", "WEIGHT", "ACTIVE", "CLOSING", "NEW/S", "PACKETS/S", "BYTES/S", "CHECK", "")
LEFT = frozenset({0, 1, 9})
STEPS = {"KEY_UP": -1, "k": -1, "KEY_DOWN": 1, "j": 1, "KEY_PPAGE": -10, "KEY_NPAGE": 10}
"""Real servers that a key goes on by."""
HELP = "↑↓ PgUp PgDn Tab choose   d drain   u undrain   + - weight   r 1 s or 60 s   q end"

Document = dict[str, Any]
Row = tuple[str, str]
"""A service's name and a real server's address."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the screen."""

    text: str
    look: str = ""
    """`title`, `head`, `bad`, `chosen`, `dim` or nothing."""
    row: Row | None = None


@dataclass(frozen=True, slots=True)
class View:
    """What the person looks at."""

    status: Document
    chosen: Row | None = None
    said: str = ""
    """What the last key has led to."""
    asking: str = ""
    """A question that waits for `y`."""
    slow: bool = False
    """Rates over a minute, not over a second."""

    @property
    def rates(self) -> str:
        """Which rates of the document are shown."""
        return "rates_minute" if self.slow else "rates"


def rows(status: Document) -> list[Row]:
    """Every real server, from top to bottom."""
    return [(service["name"], real["address"]) for service in status["services"] for real in service["reals"]]


def screen(view: View, height: int = 10_000) -> list[Line]:
    """What is shown on so many lines: head and foot always, and between them what is chosen and what is around it."""
    head, body, foot = list(_head(view)), list(_body(view)), list(_foot(view))
    columns, *body = body
    room = max(1, height - len(head) - len(foot) - 1)
    place = next((number for number, line in enumerate(body) if line.row == view.chosen), 0)
    first = max(0, min(place - room // 2, len(body) - room))
    return [*head, columns, *body[first : first + room], *foot]


def _head(view: View) -> Iterator[Line]:
    """What is known of the whole; ends with an empty line."""
    status = view.status
    director, faults = status["director"], status["faults"]
    plane = " ".join(word for word in (director["plane"], director["mode"]) if word)
    role = "active" if director["answering"] else "backup"
    yield Line(
        f"carom on {director['interface']}  {plane}  {role}  version {status['configuration']['version']}", "title"
    )
    rates = [service["totals"][view.rates] for service in status["services"]]
    new, packets, count = (sum(rate[name] for rate in rates) for name in ("new_flows", "packets", "bytes"))
    yield Line(
        f"{quantity(new)} new flows/s  {quantity(packets)} packets/s  {size(count)}/s  "
        f"{flows_of(status)}  {'over 60 s' if view.slow else ''}".rstrip()
    )
    if odd := [reason for reason in status["reasons"] if not reason["normal"] and reason[view.rates]["packets"]]:
        rated = "  ".join(f"{reason['name']} {quantity(reason[view.rates]['packets'])}/s" for reason in odd)
        yield Line(f"not as usual: {rated}", "bad")
    if faults:
        yield Line(faults[0] if len(faults) == 1 else f"{faults[0]} (and {len(faults) - 1:,} more)", "bad")
    yield Line("")


def _body(view: View) -> Iterator[Line]:
    """First the columns' headings: every service's real servers stand in the same columns."""
    services = view.status["services"]
    shown = [[*service["reals"], *([service["sorry"]] if service["sorry"] else [])] for service in services]
    table = lines([HEADINGS, *(_cells(real, view.rates) for reals in shown for real in reals)], LEFT)
    yield Line(f"  {next(table)}", "dim")
    for number, (service, reals) in enumerate(zip(services, shown, strict=True)):
        if number:
            yield Line("")
        standing = "" if service["standing"] == "serving" else f"  {service['standing']}"
        yield Line(
            f"{service['name']}  {service['vip']}  {' '.join(service['ports'])}  {service['scheduler']}{standing}",
            "title",
        )
        for real in reals:
            row = None if real is service["sorry"] else (service["name"], real["address"])
            chosen = row is not None and row == view.chosen
            yield Line(
                f"{'>' if chosen else ' '} {next(table)}", "chosen" if chosen else "" if real["up"] else "bad", row
            )


def _cells(real: Document, which: str) -> tuple[str, ...]:
    rates, check = real[which], real["check"]
    checked = f"{1000 * check['seconds']:.1f} ms" if check and check["ok"] else check["reason"] if check else ""
    weight = f"{real['effective_weight']:g}"
    return (
        *(real["address"], real["state"], weight if real["override"] is None else f"{weight} by hand"),
        *(f"{real['active']:,}", f"{real['inactive']:,}"),
        *(quantity(rates["new_flows"]), quantity(rates["packets"]), size(rates["bytes"])),
        *(checked, real["why"]),
    )


def _foot(view: View) -> Iterator[Line]:
    yield Line("")
    if view.said:
        yield Line(view.said)
    yield Line(f"{view.asking} y/n", "head") if view.asking else Line(HELP, "dim")


# ---- keys ----


def moved(view: View, step: int) -> View:
    """With the next real server chosen, or the one before."""
    all_rows = rows(view.status)
    if not all_rows:
        return replace(view, chosen=None)
    place = all_rows.index(view.chosen) + step if view.chosen in all_rows else 0
    return replace(view, chosen=all_rows[max(0, min(place, len(all_rows) - 1))])


def pressed(view: View, key: str, client: Client) -> View:
    """What a key leads to. A drain is asked about first: it is one slip away from the key beside it."""
    if view.asking:
        view = replace(view, asking="")
        return _done(view, client, "drain") if key == "y" else replace(view, said="not drained")
    if key in STEPS:
        return moved(view, STEPS[key])
    match key:
        case "\t":
            return _next_service(view)
        case "d" if view.chosen:
            return replace(view, asking=f"drain {' '.join(view.chosen)}?", said="")
        case "r":
            return replace(view, slow=not view.slow)
        case "u":
            return _done(view, client, "undrain")
        case "+" | "-" if real := _chosen(view):
            weight = round(real["effective_weight"]) + (1 if key == "+" else -1)
            return _done(view, client, "weight", weight=max(0, min(65535, weight)))
        case _:
            return view


def _next_service(view: View) -> View:
    """With the first real server of the next service chosen; behind the last one comes the first."""
    firsts = list({name: (name, real) for name, real in reversed(rows(view.status))}.values())[::-1]
    if not firsts or view.chosen is None:
        return view
    names = [name for name, _ in firsts]
    place = names.index(view.chosen[0]) + 1 if view.chosen[0] in names else 0
    return replace(view, chosen=firsts[place % len(firsts)])


def _chosen(view: View) -> Document | None:
    reals = ((service["name"], real) for service in view.status["services"] for real in service["reals"])
    return next((real for name, real in reals if (name, real["address"]) == view.chosen), None)


def _done(view: View, client: Client, verb: str, **more: int) -> View:
    if view.chosen is None:
        return view
    service, real = view.chosen
    try:
        client.post(f"/v1/{verb}", {"service": service, "real": real, **more})
    except CaromError as error:
        return replace(view, said=str(error))
    return replace(view, said=" ".join((verb, service, real, *map(str, more.values()))))


# ---- the terminal ----


@click.command
@socket_option
def command(socket: Path) -> None:
    """Watch the director at work, and drain real servers by a key.

    Shows every service and real server once a second. Arrows, PgUp and PgDn choose a real server, Tab goes to the next
    service; d drains the one that is chosen, u takes that back, + and - set its weight, r changes between rates over a
    second and over a minute, q ends.
    """
    client = Client(socket)
    client.get("/v1/status")  # what is wrong shows before the screen is taken
    _refuse_unfit_terminal()
    curses.wrapper(_run, client)


def _refuse_unfit_terminal() -> None:
    """Raises UsageError where curses would fail halfway."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("top needs a terminal to draw on; for a pipe or a file there is carom status")
    try:
        curses.setupterm()
    except curses.error:
        raise click.UsageError(f"nothing is known of the terminal {os.environ.get('TERM', '')!r}: set TERM") from None


def _run(window: curses.window, client: Client) -> None:
    curses.curs_set(0)
    looks = _looks()
    window.timeout(LOOK_EVERY)
    view = moved(View(client.get("/v1/status")), 0)
    while True:
        _draw(window, view, looks)
        try:
            key = window.getkey()
        except curses.error:  # nothing pressed for LOOK_EVERY
            key = ""
        if key == "q" and not view.asking:
            return
        if key and key != "KEY_RESIZE":
            view = pressed(view, key, client)
        view = _looked(view, client)


def _looked(view: View, client: Client) -> View:
    """With what the director says now. While it does not answer, as when it is started anew, the last is kept."""
    try:
        return moved(replace(view, status=client.get("/v1/status")), 0)
    except UnreachableError as error:
        return replace(view, said=str(error))


def _looks() -> dict[str, int]:
    looks = {"title": curses.A_BOLD, "head": curses.A_BOLD, "dim": curses.A_DIM, "chosen": curses.A_REVERSE, "": 0}
    if curses.has_colors():
        curses.use_default_colors()
        curses.init_pair(1, curses.COLOR_RED, -1)
        looks["bad"] = curses.color_pair(1)
    return {"bad": curses.A_BOLD, **looks}


def _draw(window: curses.window, view: View, looks: dict[str, int]) -> None:
    """As much as fits; what is chosen, and what is asked about it, is always in sight."""
    height, width = window.getmaxyx()
    window.erase()
    for number, line in enumerate(screen(view, height)[:height]):
        window.insnstr(number, 0, line.text, width, looks[line.look])
    window.refresh()
