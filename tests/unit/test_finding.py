"""The words of findings."""

from __future__ import annotations

import json

from carom.finding import Finding, Verdict


def test_a_finding_is_the_same_json_in_every_command() -> None:
    finding = Finding("arp-ignore", "192.0.2.1", Verdict.FAULT, "eth0 answers", "carom real-server join")
    assert json.loads(json.dumps(finding.as_json())) == {
        "name": "arp-ignore",
        "subject": "192.0.2.1",
        "verdict": "fault",
        "evidence": "eth0 answers",
        "remedy": "carom real-server join",
        "server": "",
    }
