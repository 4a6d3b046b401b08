"""Findings for people: `carom doctor` and `carom real-server verify` print them alike."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence

import click

from carom.finding import Finding, Verdict

COLOURS = {Verdict.FAULT: "red", Verdict.WARNING: "yellow"}
NARROWEST = 40
"""Columns of text beside the names; where a terminal has fewer, it may break lines itself."""


def text(shown: Sequence[Finding], findings: Sequence[Finding]) -> Iterator[str]:
    """Those that are shown, a paragraph each, and how many there are of all."""
    name = max((len(finding.name) for finding in shown), default=0)
    for finding in shown:
        verdict = click.style(f"{finding.verdict.value:<8}", fg=COLOURS.get(finding.verdict))
        first, *more = _lines(f"{_where(finding)}: {finding.evidence}", name)
        yield f"{verdict} {finding.name:<{name}}  {first}"
        remedy = _lines(f"remedy: {finding.remedy}", name) if finding.remedy else []
        yield from (f"{'':<8} {'':<{name}}  {line}" for line in (*more, *remedy))
    yield from ([""] if shown else [])
    yield summary(findings)


def summary(findings: Sequence[Finding]) -> str:
    """How many of each."""
    counts = {verdict: sum(finding.verdict is verdict for finding in findings) for verdict in Verdict}
    wrong = counts[Verdict.FAULT] + counts[Verdict.WARNING]
    unknown = f", {counts[Verdict.UNKNOWN]} that could not be looked at" if counts[Verdict.UNKNOWN] else ""
    words = f"{wrong} things to mend" if wrong > 1 else "1 thing to mend" if wrong else "All is well"
    return f"{words}: {len(findings)} looked at, {counts[Verdict.OK]} of them well{unknown}."


def _where(finding: Finding) -> str:
    return f"{finding.subject} on {finding.server}" if finding.server not in ("", finding.subject) else finding.subject


def _lines(words: str, name: int) -> list[str]:
    """Broken for the terminal; elsewhere a finding is one line, which grep finds whole."""
    if not sys.stdout.isatty():
        return [words]
    room = shutil.get_terminal_size().columns - len("unknown  ") - name - 2
    return textwrap.wrap(words, max(room, NARROWEST), break_long_words=False, break_on_hyphens=False)
