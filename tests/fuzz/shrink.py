"""From a story that two planes tell differently to the shortest one that still shows it, ready to become a record.

Delta debugging (Zeller and Hildebrandt, 2002): leave out ever smaller parts, and keep what is left if it still shows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from tests.fuzz.duet import Disagreement
from tests.fuzz.story import Change, Send, Step

Play = Callable[[Sequence[Step]], Disagreement | None]
"""Plays steps from the beginning, slowly."""


def shortest(steps: Sequence[Step], play: Play) -> tuple[list[Step], Disagreement]:
    """The shortest part of the steps that still shows a disagreement, and that; `steps` shows one."""
    single = [one for step in steps for one in (_packets(step) if isinstance(step, Send) else [step])]
    found = play(single)
    assert found, "played once more, nothing differs: it depends on more than the steps"
    kept = single[: found.step + 1]
    kept = _without_parts(kept, play)
    kept = [_smaller(kept, at, play) for at in range(len(kept))]
    last = play(kept)
    assert last
    return kept, last


def _packets(step: Send) -> list[Send]:
    return [Send((packet,)) for packet in step.packets]


def _without_parts(steps: list[Step], play: Play) -> list[Step]:
    size = max(len(steps) // 2, 1)
    while True:
        at, before = 0, len(steps)
        while at < len(steps):
            rest = steps[:at] + steps[at + size :]
            if found := play(rest):
                steps = rest[: found.step + 1]
            else:
                at += size
        if size == 1 and len(steps) == before:
            return steps
        size = max(size // 2, 1)


def _smaller(steps: list[Step], at: int, play: Play) -> Step:
    """A change of the plan with as few services as still show it; any other step as it is."""
    step = steps[at]
    if not isinstance(step, Change):
        return step
    for service in step.plan.services:
        fewer = Change(replace(step.plan, services=tuple(s for s in step.plan.services if s is not service)))
        if play([*steps[:at], fewer, *steps[at + 1 :]]):
            step = steps[at] = fewer
    return step


def record(steps: Sequence[Step], found: Disagreement) -> str:
    """The steps as code that can be put into a test, and what differs."""
    lines = [f"plane.{_call(step)}" for step in steps]
    return "\n".join([*lines, "", found.what])


def _call(step: Step) -> str:
    match step:
        case Send(packets):
            return "; plane.".join(f'send(bytes.fromhex("{frame.hex()}"))  # {kind}' for kind, frame in packets)
        case Change(plan):
            return f"apply({code(plan)})"
        case _:
            return f"at({step.until})"


def code(value: object) -> str:
    """A value of a plan as Python writes it; what is as by default is left out."""
    match value:
        case Enum():
            return f"{type(value).__name__}.{value.name}"
        case bytes():
            return f'bytes.fromhex("{value.hex()}")'
        case IPv4Address() | IPv6Address():
            return f'ip_address("{value}")'
        case tuple():
            return f"({''.join(f'{code(each)}, ' for each in value)})"
        case frozenset():
            return f"frozenset({{{', '.join(map(code, value))}}})"
        case _ if is_dataclass(value):
            words = [f"{f.name}={code(v)}" for f in fields(value) if (v := getattr(value, f.name)) != _usual(f)]
            return f"{type(value).__name__}({', '.join(words)})"
        case _:
            return repr(value)


def _usual(field: Field[Any]) -> object:
    """What it is by default; MISSING where it has to be said."""
    return field.default if field.default_factory is MISSING else field.default_factory()
