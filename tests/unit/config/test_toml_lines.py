"""Where things stand: documents written in every way TOML has, by a writer that notes each line as it writes."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from carom.config.toml_lines import DEEPEST, positions
from carom.core.flaw import Path

Draw = Callable[[int], int]
"""A number from 0 to below this one."""


def lines(text: str) -> dict[Path, int]:
    """The positions in a text, without the root's."""
    tomllib.loads(text)
    return {path: line for path, line in positions(text).items() if path}


def test_keys_tables_and_lists() -> None:
    text = """
[director] # [x]
interface = "eth0" # = [

[[service]]
reals = [ # ]
  "a", { address = "b", weight = 2 },

  [1.5, [2,
   1979-05-27 07:32:00.5]],
]
name = "x"
[service.check]
[[service]]
"""
    assert lines(text) == {
        ("director",): 2,
        ("director", "interface"): 3,
        ("service",): 5,
        ("service", 0): 5,
        ("service", 0, "reals"): 6,
        ("service", 0, "reals", 0): 7,
        ("service", 0, "reals", 1): 7,
        ("service", 0, "reals", 1, "address"): 7,
        ("service", 0, "reals", 1, "weight"): 7,
        ("service", 0, "reals", 2): 9,
        ("service", 0, "reals", 2, 0): 9,
        ("service", 0, "reals", 2, 1): 9,
        ("service", 0, "reals", 2, 1, 0): 9,
        ("service", 0, "reals", 2, 1, 1): 10,
        ("service", 0, "name"): 12,
        ("service", 0, "check"): 13,
        ("service", 1): 14,
    }


def test_strings_that_look_like_structure() -> None:
    text = '''
a = """
[x] ]] "" \\""" #
y = {"""""
b = \'\'\'
' = '' [\'\'\'
c = ["]", '{', "\\"", """
""", "d"]
'''
    assert lines(text) == {
        ("a",): 2,
        ("b",): 5,
        ("c",): 7,
        ("c", 0): 7,
        ("c", 1): 7,
        ("c", 2): 7,
        ("c", 3): 7,
        ("c", 4): 8,
    }


def test_keys_with_dots_and_quotes() -> None:
    text = """
a . "b.c" . 'd"' = 1
[ x."\\u0041" ]
a.e = 2
"""
    assert lines(text) == {
        ("a",): 2,
        ("a", "b.c"): 2,
        ("a", "b.c", 'd"'): 2,
        ("x",): 3,
        ("x", "A"): 3,
        ("x", "A", "a"): 4,
        ("x", "A", "a", "e"): 4,
    }


def test_nothing_is_too_deep_or_too_long() -> None:
    """What lies deeper than any key of a configuration is passed over, at no cost that grows with the depth."""
    assert lines(f"{'.'.join('a' * 2000)} = 1\nb = 2") == {
        **{("a",) * depth: 1 for depth in range(1, DEEPEST + 1)},
        ("b",): 2,
    }
    assert lines(f"a = {'[' * 200}1{']' * 200}\nb = 2")[("b",)] == 2


def test_lines_end_as_in_dos() -> None:
    assert lines('a = """x\r\n"""\r\nb = 1') == {("a",): 1, ("b",): 3}


# ---- any document ----

NAMES = st.sampled_from(["a", "b-1", "7", "", "c.d", 'e"', "é", "f#", "[g]", "h=", "i\\", "j\n"])
TEXTS = st.sampled_from(
    ["", "x", 'a"b', "it's", "[[", "]", "{", "#", "a=1,", "é", "\\", "two\nlines", '"""', "'''", '"']
)
SCALARS = st.one_of(TEXTS, st.integers(), st.booleans(), st.floats(allow_nan=False))
DOCUMENTS = st.dictionaries(
    NAMES,
    st.recursive(
        SCALARS,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(NAMES, inner, max_size=3),
            st.lists(st.dictionaries(NAMES, inner, max_size=3), min_size=1, max_size=3),
        ),
        max_leaves=25,
    ),
    max_size=5,
)


class Writer:
    """Writes a document as TOML, in ways that it draws, and notes the line of everything it writes."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.text = ""
        self.noted: dict[Path, int] = {}

    def note(self, path: Path) -> None:
        if len(path) <= DEEPEST:
            self.noted.setdefault(path, self.text.count("\n") + 1)

    def table(self, table: Mapping[str, Any], path: Path, header: tuple[str, ...] = ()) -> None:
        """First the keys with values, then the tables below headers of their own."""
        below = [key for key, value in table.items() if headed(value) and self.draw(2)]
        for key in [key for key in table if key not in below]:
            self.text += ["", "\n", "# [x] = '\n", "\t \n"][self.draw(4)]
            self.pair((*path, key), table[key])
            self.text += ["\n", " # ]\n"][self.draw(2)]
        for key in below:
            self.headers(table[key], (*path, key), (*header, self.key(key)))

    def headers(self, value: Any, path: Path, header: tuple[str, ...]) -> None:
        if isinstance(value, dict):
            self.note(path)
            self.text += f"[{' . '.join(header)}]\n"
            self.table(value, path, header)
            return
        for index, one in enumerate(value):
            self.note(path)
            self.note((*path, index))
            self.text += f"[[ {'.'.join(header)} ]] # [[\n"
            self.table(one, (*path, index), header)

    def pair(self, path: Path, value: Any) -> None:
        self.note(path)
        self.text += self.key(str(path[-1]))
        if isinstance(value, dict) and len(value) == 1 and self.draw(2):
            ((key, inner),) = value.items()
            self.text += [".", " . "][self.draw(2)]
            self.pair((*path, key), inner)
        else:
            self.text += [" = ", "="][self.draw(2)]
            self.value(path, value)

    def value(self, path: Path, value: Any) -> None:
        if isinstance(value, dict):
            self.text += "{ "
            for number, (key, one) in enumerate(value.items()):
                self.text += ", " if number else ""
                self.pair((*path, key), one)
            self.text += " }"
        elif isinstance(value, list):
            self.text += "["
            for index, one in enumerate(value):
                self.text += ["", "\n", " # ]\n  "][self.draw(3)]
                self.note((*path, index))
                self.value((*path, index), one)
                self.text += [",", "\n,"][self.draw(2)] if index + 1 < len(value) or self.draw(2) else ""
            self.text += ["]", "\n]"][self.draw(2)]
        else:
            self.text += self.string(value) if isinstance(value, str) else str(value).lower()

    def key(self, key: str) -> str:
        bare = key.isascii() and key.replace("-", "").isalnum()
        return key if bare and self.draw(2) else self.short(key)

    def string(self, text: str) -> str:
        way = self.draw(3)
        if way == 0:
            escaped = text.replace("\\", "\\\\").replace('"""', '""\\"')
            return f'"""\n{escaped}"""'
        if way == 1 and "'''" not in text:
            return f"'''\n{text}'''"
        return self.short(text)

    def short(self, text: str) -> str:
        plain = "'" not in text and "\n" not in text
        return f"'{text}'" if plain and self.draw(2) else json.dumps(text, ensure_ascii=False)


def headed(value: object) -> bool:
    """Whether a value may stand below a header."""
    return isinstance(value, dict) or (
        isinstance(value, list) and len(value) > 0 and all(isinstance(one, dict) for one in value)
    )


@given(DOCUMENTS, st.data())
def test_everything_is_where_the_writer_wrote_it(document: dict[str, Any], data: st.DataObject) -> None:
    writer = Writer(lambda below: data.draw(st.integers(0, below - 1)))
    writer.table(document, ())
    assert tomllib.loads(writer.text) == document, writer.text
    assert lines(writer.text) == writer.noted, writer.text
