"""From the text of a configuration file to a `Config`, or to all of its faults at once.

The loader of the daemon is the checker of `carom check`: there is no second parser. Three steps: TOML, single values,
and the rules between them. A file that is sound pays for nothing else; lines are only looked for when there is a fault
to place.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any

from carom.config.read import read
from carom.config.toml_lines import positions
from carom.config.toml_text import NotTomlError, document
from carom.core.flaw import Flaw, Path, spelled
from carom.core.validate import flaws
from carom.errors import ConfigError
from carom.model import Config, Fault

LARGEST = 64 * 2**20
"""Bytes of the largest file that is read: room for a million real servers."""


def load_file(path: FilePath) -> Config:
    """The configuration in a file. Raises ConfigError."""
    return load(read_text(path), _called(path))


def read_text(path: FilePath) -> str:
    """What stands in a file. Raises ConfigError."""
    file = _called(path)
    try:
        with path.open("rb") as stream:
            data = stream.read(LARGEST + 1)
    except OSError as error:
        raise _unreadable(file, f"{_reason(error)}; name a file that can be read") from None
    except ValueError:
        raise _unreadable(file, "no file has a NUL in its name; name another") from None
    if len(data) > LARGEST:
        raise _unreadable(file, f"larger than {LARGEST >> 20} MiB; name the right file")
    return _decoded(data, file)


def load(text: str, file: str) -> Config:
    """The configuration in a text; `file` is what its faults call it. Raises ConfigError."""
    try:
        root = document(text)
    except NotTomlError as error:
        raise ConfigError((Fault(file, error.line, "syntax", str(error)),)) from None
    config, found = read(root)
    found += _without_echoes(found, flaws(config))
    if found:
        raise ConfigError(tuple(_placed(found, root, text, file)))
    return config


def _without_echoes(found: Iterable[Flaw], rules: Iterable[Flaw]) -> Iterator[Flaw]:
    """The rules' flaws, without those that rest on a value that could not be read or is under the wrong key."""
    faulty = {path for flaw in found for path in (flaw.path, *flaw.against)}
    above = {path[:length] for path in faulty for length in range(len(path))}
    for flaw in rules:
        rests_on = (flaw.path, *flaw.against)
        if not any(path in above or _within(path, faulty) for path in rests_on):
            yield flaw


def _within(path: Path, faulty: set[Path]) -> bool:
    return any(path[:length] in faulty for length in range(len(path) + 1))


# ---- from paths to lines ----


def _placed(found: Iterable[Flaw], root: Mapping[str, Any], text: str, file: str) -> list[Fault]:
    lines = positions(text)
    return sorted(_fault(flaw, root, lines, file) for flaw in found)


def _fault(flaw: Flaw, root: Mapping[str, Any], lines: Mapping[Path, int], file: str) -> Fault:
    path = _as_written(root, flaw.path)
    line, message = _line(lines, path), flaw.message
    other = _as_written(root, flaw.against[0]) if flaw.against else path
    if _stands(root, other) and _line(lines, other) != line:
        message += f" (see line {_line(lines, other)})"
    return Fault(file, line, spelled(path), message)


def _as_written(root: Mapping[str, Any], path: Path) -> Path:
    """The path as far as the file goes: a real server written as text has no `.address`."""
    for length in range(len(path)):
        if not isinstance(_at(root, path[:length]), dict | list | None):
            return path[:length]
    return path


def _line(lines: Mapping[Path, int], path: Path) -> int:
    """The line of the path, or of the table in which it is missing."""
    return next(lines[path[:length]] for length in range(len(path), -1, -1) if path[:length] in lines)


def _stands(root: Mapping[str, Any], path: Path) -> bool:
    return _at(root, path) is not None


def _at(root: Mapping[str, Any], path: Path) -> Any:
    """What stands at a path; None where nothing does, which TOML cannot write."""
    found: Any = root
    for part in path:
        if isinstance(found, dict):
            found = found.get(part)
        elif isinstance(found, list) and isinstance(part, int) and part < len(found):
            found = found[part]
        else:
            return None
    return found


# ---- files ----


def _called(path: FilePath) -> str:
    return os.fsencode(path).decode(errors="backslashreplace")


def _decoded(data: bytes, file: str) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError((Fault(file, line, "syntax", "this line is not UTF-8; save the file as UTF-8"),)) from None
    if text.startswith("\ufeff"):
        raise ConfigError(
            (Fault(file, 1, "syntax", "a byte order mark stands here; save the file as UTF-8 without it"),)
        )
    return text


def _unreadable(file: str, message: str) -> ConfigError:
    return ConfigError((Fault(file, 0, "file", message),))


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
