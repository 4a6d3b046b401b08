"""The frame of the scripts for the Unix systems: what it does, where that is written, apply, undo."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from carom.model import Address


@dataclass(frozen=True, slots=True)
class Recipe:
    """What differs from system to system."""

    system: str
    """For people."""
    uname: str
    """What `uname -s` says there."""
    theory: str
    """Why this is enough, in a few lines."""
    sources: tuple[str, ...]
    """The documentation, numbered from 1 as the commands' comments cite it."""
    check: tuple[str, ...]
    """Lines that stop the script where it would not work."""
    apply: tuple[str, ...]
    undo: tuple[str, ...]
    show: tuple[str, ...]


def render(recipe: Recipe, vips: tuple[Address, ...]) -> str:
    """The whole script."""
    named = ", ".join(map(str, vips))
    head = [
        "#!/bin/sh",
        f"# Carom real server on {recipe.system}: {named}",
        "#",
        "#   sh FILE          give this host the VIPs, now and after a reboot (as root)",
        "#   sh FILE undo     take them away again",
        "#   sh FILE show     show what there is",
        "#",
        *(f"# {line}" for line in recipe.theory.splitlines()),
        "#",
        "# Sources:",
        *(f"#   [{number}] {source}" for number, source in enumerate(recipe.sources, start=1)),
        "set -eu",
        "",
        "stop() {",
        '    echo "carom: $*" >&2',
        "    exit 1",
        "}",
        "",
        f'[ "$(uname -s)" = {recipe.uname} ] || stop "this script is for {recipe.system}"',
    ]
    tail = [
        'case "${1:-apply}" in',
        "    apply) check; apply ;;",
        "    undo) undo ;;",
        "    show) show ;;",
        '    *) stop "say apply, undo or show" ;;',
        "esac",
    ]
    functions = [
        line
        for name, body in (
            ("check", recipe.check),
            ("apply", recipe.apply),
            ("undo", recipe.undo),
            ("show", recipe.show),
        )
        for line in function(name, body)
    ]
    return "\n".join([*head, "", *functions, *tail, ""])


def function(name: str, body: Iterable[str]) -> list[str]:
    """A shell function; here-documents are written without indentation, by `heredoc`."""
    lines = [line if line.startswith("\0") else f"    {line}" for line in body]
    return [f"{name}() {{", *(line.lstrip("\0") for line in lines), "}", ""]


def heredoc(path: str, lines: Iterable[str]) -> tuple[str, ...]:
    """Commands that write a file as a whole."""
    return (f"cat > {path} <<'END'", *(f"\0{line}" for line in (*lines, "END")))
