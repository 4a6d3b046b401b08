"""Reading TOML: what `tomllib` says of a text that is none, in words that say what to do. `faulty.py` has the cases."""

from __future__ import annotations

import inspect
import re
import time
import tomllib
from contextlib import suppress

import pytest

from carom.config.toml_text import REMEDIES, NotTomlError, document, last_line
from tests.unit.config.faulty import SYNTAX, Faulty


def test_a_sound_text_is_what_tomllib_makes_of_it() -> None:
    text = "a = 1\n[b]\nc = [1, 'x']\n"
    assert document(text) == tomllib.loads(text)


@pytest.mark.parametrize("case", SYNTAX, ids=lambda case: case.what)
def test_the_first_thing_wrong_has_a_line_and_a_remedy(case: Faulty) -> None:
    with pytest.raises(NotTomlError) as raised:
        document(case.text)
    (said,) = case.said
    assert raised.value.line == said.line
    assert all(word in str(raised.value) for word in said.words)


def test_every_message_of_tomllib_has_words_of_ours() -> None:
    """The rare ones too, and those of a Python to come: they are read from the module's source."""
    source = inspect.getsource(inspect.getmodule(tomllib.loads) or tomllib)
    raised = r"""(?:suffixed_err|TOMLDecodeError)\(\s*(?:src, (?:new_)?pos, )?f?("[^"{]+|'[^'{]+)"""
    messages = [said[1:].replace("\\\\", "\\") for said in re.findall(raised, source)]
    assert len(messages) >= 20
    known = tuple(start for start, _ in REMEDIES)
    assert not [message for message in messages if not message.startswith(known)]


MANY = 1 << 20


@pytest.mark.parametrize(
    "key",
    [
        "a" + ".a" * MANY,
        f"[a{'.a' * MANY}]",
        "x = {b = 1, a" + ".a" * MANY,
        '"a,"' + ' . "\\"a,"' * MANY,
        "'a'" + ".'a'" * MANY,
    ],
    ids=["dotted", "table", "inline", "quoted", "in single quotes"],
)
def test_a_key_of_a_million_dots_is_refused_at_once(key: str) -> None:
    """tomllib would be at it for hours: its time grows with the square."""
    began = time.process_time()
    with pytest.raises(NotTomlError, match="a key has too many dots to read") as raised:
        document(f"b = 1\n{key} = 1\n")
    assert time.process_time() - began < 5
    assert raised.value.line == 2


@pytest.mark.parametrize("begin", ["", '"', "'", '"\\', "a.", ".", "\"'", "a" * 1000 + " "])
def test_no_line_is_slow_to_be_gone_through(begin: str) -> None:
    began = time.process_time()
    with suppress(NotTomlError):
        document(begin * (MANY // max(1, len(begin))) + "." * 1000)
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "text", [f'"{"." * 1000}"', f"'{'.' * 1000}'", f"[{'1.5, ' * 1000}]", f'["{"10.0.0.1" * 500}"]']
)
def test_a_value_may_have_any_number_of_dots(text: str) -> None:
    assert document(f"a = {text}\nb.c.d = 2\n") == tomllib.loads(f"a = {text}\nb.c.d = 2\n")


@pytest.mark.parametrize(("text", "last"), [("", 1), ("a", 1), ("a\n", 1), ("a\nb", 2), ("\n\n", 2)])
def test_the_last_line(text: str, last: int) -> None:
    assert last_line(text) == last
