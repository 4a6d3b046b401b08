"""A flaw: something wrong with a configuration, at a path in it.

The loader turns flaws into `Fault`s by adding the file and the line.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

Path = tuple[str | int, ...]
"""Keys and list indices from the root, as a file has them: `("service", 0, "vip")`."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong and what to write instead."""

    path: Path
    message: str
    against: tuple[Path, ...] = ()
    """What else it is about, most telling first. Where one of these is itself at fault, this flaw says nothing new."""


def spelled(path: Path) -> str:
    """A path as a person reads it: `service[0].reals[1].weight`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{_key(part)}" if text else _key(part)
    return text


def shown(value: object) -> str:
    """A value of a file as a message shows it: short, in one line, without control characters."""
    match value:
        case str():
            text = value if len(value) <= 60 else f"{value[:57]}..."
            return json.dumps(text, ensure_ascii=not text.isprintable())
        case bool():
            return str(value).lower()
        case int() if abs(value) >= 10**18:
            return "a number of more than 18 digits"
        case int() | float():
            return str(value)
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return "a date or time"


def _key(part: str) -> str:
    return part if _BARE.fullmatch(part) else shown(part)
