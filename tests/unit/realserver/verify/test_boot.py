"""Whether it is the same after a reboot."""

from __future__ import annotations

from dataclasses import replace

import pytest

from carom.finding import Verdict
from carom.realserver.verify.boot import findings
from carom.realserver.verify.question import Boot
from tests.unit.realserver.words import question


@pytest.mark.parametrize(
    ("boot", "verdict", "words"),
    [
        (Boot("systemd"), Verdict.OK, "kept over a reboot by systemd"),
        (Boot("systemd", ("/etc/x",)), Verdict.WARNING, "changed or gone since join: /etc/x"),
        (Boot(), Verdict.WARNING, "nothing brings it back"),
        (Boot(why_not="a namespace"), Verdict.UNKNOWN, "a namespace"),
        (None, Verdict.UNKNOWN, "not joined by Carom"),
    ],
)
def test_boot(boot: Boot | None, verdict: Verdict, words: str) -> None:
    (found,) = findings(replace(question(), boot=boot))
    assert (found.verdict, words in found.evidence) == (verdict, True)
