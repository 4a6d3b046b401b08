"""Reads PowerShell as far as its brackets, strings and variables: about_Parsing, about_Quoting_Rules."""

from __future__ import annotations

import re

TOKEN = re.compile(
    r"""
      (?P<here>    @'\n .*? \n'@ )
    | (?P<comment> \#[^\n]* )
    | (?P<literal> '(?:[^']|'')*' )
    | (?P<string>  "(?:[^"`]|`.|"")*" )
    | (?P<escape>  `\n | `. )
    | (?P<open>    [({\[] )
    | (?P<close>   [)}\]] )
    | (?P<quote>   ["'] )
    """,
    re.VERBOSE | re.DOTALL,
)
PAIRS = {")": "(", "}": "{", "]": "["}
GIVEN = {"_", "true", "false", "null", "env", "ErrorActionPreference"}
"""Variables that PowerShell itself has."""


class UnreadableError(Exception):
    """PowerShell would not read it either."""


def code(script: str) -> str:
    """The script without comments, and without what single quotes hold. Raises UnreadableError."""
    opened: list[str] = []

    def read(token: re.Match[str]) -> str:
        text, line = token[0], script.count("\n", 0, token.start()) + 1
        match token.lastgroup:
            case "open":
                opened.append(text)
            case "close":
                if not opened or opened.pop() != PAIRS[text]:
                    raise UnreadableError(f"line {line}: {text} closes nothing")
            case "quote":
                raise UnreadableError(f"line {line}: a string that does not end")
            case "string":
                code(" ".join(re.findall(r"\$\((.*?)\)", text)))
            case _:
                pass
        return text if token.lastgroup in ("open", "close", "string") else " "

    found = TOKEN.sub(read, script)
    if opened:
        raise UnreadableError(f"not closed: {' '.join(opened)}")
    return found


def unknown_variables(script: str) -> set[str]:
    """Those that are used and never set: strict mode stops at them."""
    text = code(script)
    used = {name.lower() for name in re.findall(r"\$(\w+)", text)}
    set_by = re.findall(r"\$(\w+)\s*=[^=]|\bforeach\s*\(\s*\$(\w+)\s+in\b|\[\w+\]\s*\$(\w+)", text)
    known = {name.lower() for names in set_by for name in names if name}
    return used - known - {name.lower() for name in GIVEN}
