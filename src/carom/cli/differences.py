"""Differences between configurations, for people: one line each, with a sign and its colour."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from carom.client import Client
from carom.errors import UnreachableError

SIGNS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}


def lines(differences: list[dict[str, Any]]) -> Iterator[str]:
    """Each difference as `~ web: scheduler wrr → mh`."""
    for one in differences:
        sign, colour = SIGNS[one["kind"]]
        yield click.style(f"{sign} {one['words']}", fg=colour)
    if not differences:
        yield "nothing changes"


def asked(client: Client, file: Path | None) -> dict[str, Any]:
    """What to ask the director for: the text of this file, or of the director's own. Raises UnreachableError."""
    path = file or Path(client.get("/v1/config")["file"])
    try:
        return {"text": path.read_bytes().decode(), "file": str(path)}
    except (OSError, UnicodeDecodeError) as error:
        raise UnreachableError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
