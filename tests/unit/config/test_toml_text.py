"""Reading TOML: what `tomllib` says of a text that is none, in words that say what to do. `faulty.py` has the cases."""

from __future__ import annotations

import inspect
import re
import tomllib

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


@pytest.mark.parametrize(("text", "last"), [("", 1), ("a", 1), ("a\n", 1), ("a\nb", 2), ("\n\n", 2)])
def test_the_last_line(text: str, last: int) -> None:
    assert last_line(text) == last
