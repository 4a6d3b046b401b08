"""A regular expression that no input can make slow.

The pattern is the operator's, the text a checked server's; Python's own `re` can be held for hours by thirty bytes
(`(a+)+$`), and holds the interpreter's lock meanwhile. RE2 takes time linear in the text, whatever the two are. Its
price: no look-around and no back-references.
"""

from __future__ import annotations

from functools import lru_cache

import re2

MEMORY = 1 << 20
"""Bytes that one compiled pattern may take; RE2 falls back to a slower, still linear way beyond it."""


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> re2._Regexp[bytes]:
    """The pattern, ready to search bytes. Raises ValueError, with what is wrong with it, if it is none."""
    options = re2.Options()
    options.max_mem = MEMORY
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1
    try:
        return re2.compile(pattern.encode(), options)
    except re2.error as error:
        raise ValueError(f"not a regular expression that RE2 knows: {_told(error)}") from error


def found(pattern: str, text: bytes) -> bool:
    """Whether the pattern matches anywhere in the text."""
    return compiled(pattern).search(text) is not None


def _told(error: Exception) -> str:
    told = error.args[0] if error.args else "no reason given"
    text = told.decode(errors="replace") if isinstance(told, bytes) else str(told)
    return "".join(sign if sign.isprintable() else "?" for sign in text)
