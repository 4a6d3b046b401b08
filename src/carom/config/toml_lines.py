"""Where in a TOML text each key, table and array element begins: what `tomllib` and `tomlkit` do not tell.

The text has been read by `tomllib` before, so it is sound and nothing here judges it. It is cut into tokens, and a
stack says what is open: the document, arrays, inline tables. In the value of a key only brackets and commas matter;
everything else of it is passed over. Nothing recurses, so no nesting is too deep.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field

from carom.core.flaw import Path

DEEPEST = 8
"""Longer paths are left out: no key of a configuration lies so deep."""

# No group is possessive: Python 3.11.2, Debian 12's, then overlooks matches.
_TOKEN = re.compile(
    r"""
      (?P<long>  \"\"\" (?: [^"\\] | \\. | "{1,2}(?!") )* "{3,5} | \'\'\' (?: [^'] | '{1,2}(?!') )* '{3,5} )
    | (?P<quoted> " (?: [^"\\\n] | \\. )* " | ' [^'\n]*+ ' )
    | (?P<line>  \n )
    | (?P<mark>  [\[\]{}=,.] )
    | (?P<skip>  \#[^\n]*+ | [ \t\r]++ )
    | (?P<bare>  [^\s\[\]{}=,.\#"']++ )
    """,
    re.VERBOSE | re.DOTALL,
)


def positions(text: str) -> Mapping[Path, int]:
    """The 1-based line of every key and array element of a sound TOML text; `()` is line 1.

    A table has the line of its first header, or of the first dotted key that makes it.
    """
    scan = _Scan()
    for token in _TOKEN.finditer(text):
        kind, word = token.lastgroup, token.group()
        if kind == "mark":
            scan.mark(word)
        elif kind == "line":
            scan.end_of_line()
        elif kind != "skip":
            scan.word(word, quoted=kind != "bare")
    return scan.found


@dataclass(slots=True)
class _Open:
    """What the scan is inside of: the document (`""`), an array (`[`) or an inline table (`{`)."""

    bracket: str
    path: Path
    index: int = 0


@dataclass(slots=True)
class _Scan:
    line: int = 1
    found: dict[Path, int] = field(default_factory=lambda: {(): 1})
    stack: list[_Open] = field(default_factory=lambda: [_Open("", ())])
    lengths: dict[Path, int] = field(default_factory=dict)
    """How many tables each `[[...]]` has so far."""
    key: list[str] = field(default_factory=list)
    """The parts of the key being read."""
    header: int = 0
    """How many brackets opened the header being read: 1 for `[table]`, 2 for `[[array]]`."""
    value: Path | None = None
    """The key whose value is being read; None in an array and where a key is awaited."""

    def word(self, word: str, *, quoted: bool) -> None:
        """A string, a bare key, or part of a number or date."""
        if self.value is None and self.stack[-1].bracket != "[":
            self.key.append(_unquoted(word) if quoted else word)
        else:
            self._element()
        self.line += word.count("\n")

    def mark(self, mark: str) -> None:
        top = self.stack[-1]
        if mark in "[{":
            self._open(mark)
        elif mark == "=":
            self.value = self._note(top.path, self.key)
            self.key = []
        elif mark in "]}":
            self._close()
        elif mark == "," and top.bracket == "[":
            top.index += 1
        elif mark == ",":
            self.value = None

    def end_of_line(self) -> None:
        self.line += 1
        if not self.stack[-1].bracket:
            self.value = None

    def _open(self, bracket: str) -> None:
        top = self.stack[-1]
        if top.bracket == "[":
            self._element()
            self.stack.append(_Open(bracket, (*top.path, top.index)))
        elif self.value is not None:
            self.stack.append(_Open(bracket, self.value))
        else:
            self.header += 1
            return
        self.value = None

    def _close(self) -> None:
        if not self.header:
            path = self.stack.pop().path
            self.value = path if self.stack[-1].bracket != "[" else None
        elif self.key:
            self.stack[-1].path = self._headed()
            self.key = []
        if self.header:
            self.header -= 1

    def _headed(self) -> Path:
        """Note the table whose header has been read; give its path."""
        path: Path = ()
        for part in self.key[:-1]:
            path = self._last(self._note(path, [part]))
        path = self._note(path, self.key[-1:])
        if self.header == 2:
            self.lengths[path] = self.lengths.get(path, 0) + 1
            path = self._last(path)
            self._put(path)
        return path

    def _last(self, path: Path) -> Path:
        """The table a header means by this path: the newest where it is an array of tables."""
        return (*path, self.lengths[path] - 1) if path in self.lengths else path

    def _note(self, path: Path, key: list[str]) -> Path:
        """Note a key and, if it is dotted, the tables it makes; give its path."""
        for end in range(1, min(len(key), DEEPEST) + 1):
            self._put((*path, *key[:end]))
        return (*path, *key)

    def _element(self) -> None:
        top = self.stack[-1]
        if top.bracket == "[":
            self._put((*top.path, top.index))

    def _put(self, path: Path) -> None:
        if len(path) <= DEEPEST:
            self.found.setdefault(path, self.line)


def _unquoted(word: str) -> str:
    if "\\" not in word or word[0] == "'":
        return word[1:-1]
    return str(tomllib.loads(f"key = {word}")["key"])
