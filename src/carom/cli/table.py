"""Tables, numbers and times for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def lines(rows: Sequence[Sequence[str]], left: frozenset[int], widths: Sequence[int] | None = None) -> Iterator[str]:
    """The rows in columns two spaces apart: those numbered in `left` flush left, the others flush right."""
    if widths is None:
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if number in left else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


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
