"""A TOML text as the standard library reads it, or the one reason why it cannot be read, with its line and remedy."""

from __future__ import annotations

import re
import tomllib
from typing import Any

_BROKEN = "a line break or control character stands inside a text or comment; close the quote before it"
REMEDIES = (
    ("Cannot overwrite a value", "a key stands here for the second time; keep one of the two"),
    ("Duplicate inline table key", "a key stands twice in this { } table; keep one of the two"),
    ("Cannot declare", "this [table] was opened before; put its keys together, or write [[ ]] if it is a list"),
    ("Cannot mutate immutable", "this table was closed with its { }; write the key inside the braces"),
    ("Cannot redefine namespace", "this table was made by another key before; put its keys together"),
    ("Invalid value", 'no value of TOML; text goes into quotes, as "eth0", and numbers without'),
    (
        "Invalid initial character",
        "a key belongs here; write letters, digits, - and _, and a { } table in one line without a last comma",
    ),
    ("Invalid statement", "neither key = value nor [table]; a comment begins with #"),
    ("Invalid date", "no date of the calendar; text goes into quotes"),
    ("Invalid hex value", "a \\u in a text takes four hexadecimal digits; write \\\\ for a backslash"),
    ("Escaped character is not", "a \\u in a text names no character; write \\\\ for a backslash"),
    ("Unescaped '\\'", "a backslash in a text is written \\\\, or the text goes into 'single quotes'"),
    ("Unterminated string", "a text has no closing quote; add it"),
    ("Unclosed array", 'a list is not closed, or a comma or a quote is missing in it; write ["a", "b"]'),
    ("Unclosed inline table", "a table is not closed, or a comma is missing in it; write { a = 1, b = 2 } in one line"),
    ("Expected '=' after a key", "a key has no value; write key = value"),
    ("Expected ']", "a [table] line is not closed; write [table], or [[table]] for a list of tables"),
    (
        "Expected newline",
        'something follows the value; put text, addresses and "5s" into quotes, and each key = value in its own line',
    ),
    ("Expected ", "a text has no closing quote; add it"),
    ("Illegal character", _BROKEN),
    ("Found invalid character", _BROKEN),
)
"""How each of tomllib's messages begins, and what to say in its place. The first that fits counts."""

_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_QUOTED = r"""\"(?:[^"\\]|\\.)*+\"?|'[^']*+'?"""
_PART = rf"(?>[A-Za-z0-9_-]++|{_QUOTED})"
_IN_QUOTES = re.compile(_QUOTED)
_DOTTED = re.compile(rf"{_PART}(?:[ \t]*+\.[ \t]*+{_PART})*+")
"""Every key of a line, and every quoted text: what begins is gone through once, so that nobody can make it slow."""
_LONG_LINE, _DEEPEST = 400, 100
"""Characters of a line in which a key may be too deep, and dots of one that is: tomllib takes their square in time."""
_LONG_NUMBER = re.compile(r"[0-9_]{4301,}")


class NotTomlError(ValueError):
    """The text is no TOML: a line, and what is wrong there and what to write instead. Never leaves `carom.config`."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def document(text: str) -> dict[str, Any]:
    """The text's root table, as `tomllib` gives it. Raises NotTomlError."""
    try:
        text.encode()  # quicker than looking for what cannot be: a large text would keep everybody waiting
    except UnicodeEncodeError as error:
        line = _line_at(text, error.start)
        raise NotTomlError(line, "half a character (a surrogate) stands here; delete it") from None
    _refuse_deep_keys(text)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _translated(text, str(error)) from None
    except RecursionError:
        raise NotTomlError(1, "brackets are nested too deeply to read; a configuration needs four levels") from None
    except ValueError:
        # int() refuses more than 4,300 digits, and tomllib lets its error through.
        found = _LONG_NUMBER.search(text)
        line = _line_at(text, found.start()) if found else 1
        raise NotTomlError(line, "a number has too many digits to read; write a smaller one") from None


def _refuse_deep_keys(text: str) -> None:
    """Raises NotTomlError for the first line with a key that tomllib would be at for minutes or hours."""
    begin = 0
    while begin < len(text):
        end = text.find("\n", begin)
        end = len(text) if end < 0 else end
        if end - begin > _LONG_LINE and text.count(".", begin, end) > _DEEPEST and _has_deep_key(text, begin, end):
            line = _line_at(text, begin)
            raise NotTomlError(line, "a key has too many dots to read; a configuration needs no more than two")
        begin = end + 1


def _has_deep_key(text: str, begin: int, end: int) -> bool:
    keys = (found[0] for found in _DOTTED.finditer(text, begin, end))
    return any(key.count(".") > _DEEPEST and _IN_QUOTES.sub("", key).count(".") > _DEEPEST for key in keys)


def last_line(text: str) -> int:
    """The number of the text's last line; 1 for an empty text."""
    return max(1, text.count("\n") + (not text.endswith("\n")))


def _translated(text: str, said: str) -> NotTomlError:
    place = _PLACE.search(said)
    line = int(place[1]) if place and place[1] else last_line(text)
    what = said[: place.start()] if place else said
    remedy = next((remedy for start, remedy in REMEDIES if what.startswith(start)), f"no TOML: {what}")
    return NotTomlError(min(line, last_line(text)), remedy)


def _line_at(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1
