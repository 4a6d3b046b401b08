"""What a check expects in an answer: bytes that stand anywhere in it, or a regular expression.

The words are nanny's, of the Piranha tools: an `expect` of `*` is any answer at all, and an empty one asks for nothing.
"""

from __future__ import annotations

from carom.checks.checker import Unmet, printable
from carom.core.pattern import found
from carom.outcome import Reason

ANYTHING = b"*"


def matches(expect: bytes, regex: str, answer: bytes) -> bool:
    """Whether both are found in the answer; an empty one always is."""
    plain = bool(answer) if expect == ANYTHING else expect in answer
    return plain and (not regex or found(regex, answer))


def require(expect: bytes, regex: str, answer: bytes) -> None:
    """Raises Unmet(NO_MATCH), with the answer's beginning, unless both are found in it."""
    if not matches(expect, regex, answer):
        raise Unmet(Reason.NO_MATCH, f"expected {wanted(expect, regex)}, got {printable(answer)!r}")


def wanted(expect: bytes, regex: str) -> str:
    """What is expected, for a person."""
    parts = [repr(printable(expect))] if expect else []
    return " and ".join([*parts, f"/{regex}/"] if regex else parts)
