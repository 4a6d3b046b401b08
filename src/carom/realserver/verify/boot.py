"""Judges whether the host will be the same after a reboot."""

from __future__ import annotations

from collections.abc import Iterator

from carom.finding import Finding, Verdict
from carom.realserver.verify.question import Question


def findings(question: Question) -> Iterator[Finding]:
    name, subject = "boot", ", ".join(map(str, question.wish.vips))
    boot = question.boot
    command = question.join_command(question.wish.vips[0])
    if boot is None:
        evidence = "not joined by Carom on this host, so what a reboot brings is not known"
        yield Finding(name, subject, Verdict.UNKNOWN, evidence, command)
    elif boot.differing:
        evidence = f"changed or gone since join: {', '.join(boot.differing)}"
        yield Finding(name, subject, Verdict.WARNING, evidence, command)
    elif boot.means:
        yield Finding(name, subject, Verdict.OK, f"kept over a reboot by {boot.means}")
    elif boot.why_not:
        yield Finding(name, subject, Verdict.UNKNOWN, boot.why_not)
    else:
        evidence = "nothing brings it back after a reboot"
        yield Finding(name, subject, Verdict.WARNING, evidence, f"{command} --persist auto")
