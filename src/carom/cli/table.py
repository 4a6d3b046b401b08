"""Tables, numbers and times for people."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def lines(rows: Sequence[Sequence[str]], left: frozenset[int], widths: Sequence[int] | None = None) -> Iterator[str]:
    """The rows in columns two spaces apart: those numbered in `left` flush left, the others flush right.

    A column in which nothing stands takes no room.
    """
    if widths is None:
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if number in left else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
            if width
        ]
        yield "  ".join(cells).rstrip()


def narrowed(rows: Sequence[Sequence[str]], width: int | None, spare: Iterable[int]) -> list[list[str]]:
    """The rows without as many of the columns in `spare`, in this order, as it takes to fit into `width`; None: all."""
    dropped: set[int] = set()
    widths = [max(map(len, column)) + 2 for column in zip(*rows, strict=True)]
    for column in spare:
        if width is None or sum(widths) - sum(widths[number] for number in dropped) - 2 <= width:
            break
        dropped.add(column)
    return [["" if number in dropped else cell for number, cell in enumerate(row)] for row in rows]


def terminal_width() -> int | None:
    """Of the terminal that stdout is; None where it is none, so that files and pipes get everything."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def size(count: float) -> str:
    """Bytes in three digits or so: `1.4 MB`, by powers of 1,000."""
    for unit in UNITS:
        if count < 999.5 or unit == UNITS[-1]:
            break
        count /= 1000
    return f"{quantity(count)} {unit}"


def quantity(number: float) -> str:
    """A number as short as it can be told apart: `0`, `1.4`, `12,345`."""
    return f"{number:.1f}" if 0 < number < 99.95 and number != int(number) else f"{number:,.0f}"


def flows_of(status: dict[str, Any]) -> str:
    """How full the flow tables are, by the status document: IPv6's is named where it is used."""
    flows = status["flows"]
    used, used6, capacity = (f"{flows[name]:,}" for name in ("ipv4", "ipv6", "capacity"))
    if flows["ipv6"] or any(":" in service["vip"] for service in status["services"]):
        return f"{used} IPv4 and {used6} IPv6 flows of {capacity} each"
    return f"{used} of {capacity} flows"


def when(moment: str) -> str:
    """A time of the API's, as the clock on the wall has it."""
    return f"{datetime.fromisoformat(moment).astimezone():%Y-%m-%d %H:%M:%S}"


def span(seconds: int) -> str:
    """A time that passes: `7s`, `2m05s`, `1h02m`."""
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3600:
        return f"{seconds // 60}m{seconds % 60:02d}s"
    return f"{seconds // 3600}h{seconds % 3600 // 60:02d}m"
