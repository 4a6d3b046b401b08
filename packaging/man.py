"""The manual pages, from what the programs say of themselves: `python packaging/man.py FOLDER`.

    carom.1, carom-COMMAND.1   click's commands, as `--help` has them
    caromd.8                   the daemon's own parser and docstring
    carom.toml.5               the tables that the configuration is read by

man(7) asks little: a heading, bold words, tagged paragraphs. Everything else is the texts' own.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from textwrap import dedent

import click

import carom.daemon
from carom.cli.main import carom as program
from carom.config.reference import unless
from carom.config.shapes import Field, Table
from carom.config.tables import TABLES

SEE_ALSO = ("carom(1)", "caromd(8)", "carom.toml(5)")
DATE = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", time.time())), UTC).date()
FILES = {
    "/etc/carom/carom.toml": "The configuration, carom.toml(5).",
    "/var/lib/carom": "The last versions of it, and what operators have set by hand.",
    "/run/carom/carom.sock": "Where the daemon answers.",
    "/sys/fs/bpf/carom": "What the kernel forwards by: link, maps and flows, which outlive the daemon.",
}


def pages() -> dict[str, str]:
    """Every page, by its file's name."""
    made = {f"{'-'.join(path)}.1": _command_page(path, command) for path, command in _commands()}
    return {**made, "caromd.8": _daemon_page(), "carom.toml.5": _configuration_page()}


# ---- man(7) ----


def _text(words: str) -> str:
    """Plain text as roff: nothing in it is a request, and hyphens can be copied."""
    lines = [line.replace("\\", "\\e").replace("-", "\\-") for line in words.strip().splitlines()]
    return "\n".join(f"\\&{line}" if line[:1] in (".", "'") else line for line in lines)


def _page(name: str, section: int, summary: str, *parts: str) -> str:
    head = f'.TH "{name.upper()}" {section} "{DATE}" "carom {version("carom")}" "Carom"\n'
    others = [one for one in SEE_ALSO if one != f"{name}({section})"]
    also = _section("SEE ALSO", ",\n".join(f".BR {one.partition('(')[0]} ({one.partition('(')[2]}" for one in others))
    also = also.replace(",\n.BR", " ,\n.BR")
    return head + _section("NAME", f"{_text(name)} \\- {_text(summary.rstrip('.'))}") + "".join(parts) + also


def _section(title: str, body: str) -> str:
    return f".SH {title}\n{body}\n" if body else ""


def _tagged(tag: str, *lines: str) -> str:
    return f".TP\n\\fB{_text(tag)}\\fR\n" + "\n".join(_text(line) for line in lines if line)


def _paragraphs(words: str) -> str:
    """Paragraphs of a docstring; what is indented, or marked so for click, stays as it is laid out."""
    return "\n.PP\n".join(_paragraph(part) for part in re.split(r"\n\s*\n", dedent(words).strip()))


def _paragraph(part: str) -> str:
    laid_out = part.startswith(("\b\n", "    "))
    body = part.removeprefix("\b\n")
    return f".nf\n{_text(dedent(body))}\n.fi" if laid_out else _text(body)


# ---- carom(1) ----


def _commands() -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command of every group, with the words that it is called by."""
    waiting: list[tuple[tuple[str, ...], click.Command]] = [(("carom",), program)]
    while waiting:
        path, command = waiting.pop(0)
        yield path, command
        if isinstance(command, click.Group):
            context = _context(path, command)
            found = ((name, command.get_command(context, name)) for name in command.list_commands(context))
            waiting += [((*path, name), one) for name, one in found if one]


def _context(path: tuple[str, ...], command: click.Command) -> click.Context:
    return click.Context(command, info_name=" ".join(path), **program.context_settings)


def _command_page(path: tuple[str, ...], command: click.Command) -> str:
    context = _context(path, command)
    help_ = (command.help or "").replace("\f", "")
    pieces = " ".join(command.collect_usage_pieces(context))
    return _page(
        "-".join(path),
        1,
        command.get_short_help_str(200),
        _section("SYNOPSIS", f"\\fB{_text(' '.join(path))}\\fR {_text(pieces)}"),
        _section("DESCRIPTION", _paragraphs(_dedented(help_))),
        _section("OPTIONS", "\n".join(_options(command, context))),
        _section("COMMANDS", "\n".join(_subcommands(path, command, context))),
        _section("FILES", "\n".join(_tagged(*file) for file in FILES.items()) if len(path) == 1 else ""),
    )


def _dedented(help_: str) -> str:
    first, _, rest = help_.partition("\n")
    return f"{first}\n{dedent(rest)}"


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record and record[1]:
            yield _tagged(*record)


def _subcommands(path: tuple[str, ...], command: click.Command, context: click.Context) -> Iterator[str]:
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            one = command.get_command(context, name)
            yield _tagged(f"{'-'.join((*path, name))}(1)", one.get_short_help_str(200) if one else "")


# ---- caromd(8) ----


def _daemon_page() -> str:
    parser = carom.daemon.parser()
    usage = re.sub(r"\s+", " ", parser.format_usage()).removeprefix("usage: caromd ")
    return _page(
        "caromd",
        8,
        "the director's daemon of Carom",
        _section("SYNOPSIS", f"\\fBcaromd\\fR {_text(usage)}"),
        _section("DESCRIPTION", _text(parser.description or "")),
        _section("OPTIONS", "\n".join(_daemon_options(parser))),
        *(_ending(part) for part in (parser.epilog or "").split("\n\n")),
        _section("FILES", "\n".join(_tagged(*file) for file in FILES.items())),
    )


def _ending(part: str) -> str:
    title, _, table = part.partition(":\n")
    return _section(title.upper(), f".nf\n{_text(dedent(table))}\n.fi")


def _daemon_options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to ask
        value = (
            "" if action.nargs == 0 else f" {action.metavar or '{' + ','.join(map(str, action.choices or ())) + '}'}"
        )
        about = action.help or ""
        yield _tagged(", ".join(action.option_strings) + value, f"{about[:1].upper()}{about[1:]}.")


# ---- carom.toml(5) ----


def _configuration_page() -> str:
    return _page(
        "carom.toml",
        5,
        "the configuration of a director by direct routing",
        _section("DESCRIPTION", _text("TOML. carom check FILE names every fault, with its line and its remedy.")),
        *(_section(_text(table.title), "\n".join(_keys(table))) for table in TABLES),
    )


def _keys(table: Table) -> Iterator[str]:
    yield from (_key(field, table) for field in table.fields)
    for choice, fields in table.choices.items():
        if fields:
            yield f'.SS Where {table.chooser} = "{choice}"'
            yield from (_key(field, table) for field in fields)


def _key(field: Field, table: Table) -> str:
    takes = f"Takes {field.shape.noun}: {field.example}"
    return _tagged(f"{field.name}{unless(field, table).replace('`', '')}", field.about, takes)


def main() -> None:
    """Write them all."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in pages().items():
        (folder / name).write_text(page)


if __name__ == "__main__":
    main()
