"""Which lines of the oracle a fuzz does not reach; the program has a branch for nearly each of the oracle's."""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import carom.dataplane.fake
from carom.dataplane.fake import flows, fragments, packet, plane, templates, walk
from tests.dataplane.planes import Oracle
from tests.fuzz.story import Change, Send, Wait, story

STORIES = 100
PACKETS = 512
"""Of each story; its beginning is enough."""
_FOLDER = str(Path(carom.dataplane.fake.__file__ or "").parent)
_MODULES = (walk, packet, plane, flows, fragments, templates)


def unreached(seed: str, stories: int = STORIES) -> Iterator[str]:
    """`file:line: text` of every line within a function that no packet came by."""
    seen = _reached(seed, stories)
    for module in _MODULES:
        path = Path(module.__file__ or "")
        text = path.read_text().splitlines()
        for line in sorted(_lines_of(compile(path.read_text(), path, "exec")) - seen.get(str(path), set())):
            yield f"{path.name}:{line}: {text[line - 1].strip()}"


def _reached(seed: str, stories: int) -> dict[str, set[int]]:
    seen: dict[str, set[int]] = {}

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        path = frame.f_code.co_filename
        if not path.startswith(_FOLDER):
            return None
        if event == "line":
            seen.setdefault(path, set()).add(frame.f_lineno)
        return trace

    sys.settrace(trace)
    try:
        for number in range(stories):
            _play(f"{seed}:{number}")
    finally:
        sys.settrace(None)
    return seen


def _play(name: str) -> None:
    oracle = Oracle()
    for step in story(name, PACKETS):
        match step:
            case Send(packets):
                for _, frame in packets:
                    oracle.send(frame)
            case Change(plan):
                oracle.apply(plan)
            case Wait(second):
                oracle.at(second)
    oracle.read()


def _lines_of(code: CodeType, *, inside: bool = False) -> set[int]:
    """The lines of all functions in it, but for those that define them."""
    lines = {line for _, line in dis.findlinestarts(code) if line} - {code.co_firstlineno} if inside else set()
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            is_class = not constant.co_flags & 2  # CO_NEWLOCALS
            lines |= _lines_of(constant, inside=not is_class)
    return lines
