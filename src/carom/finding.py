"""Findings: what a look at a host or a network found, whether it is well, and what to do about it.

The words that `carom real-server verify` and `carom doctor` share, so that both name the same fault the same way.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a finding stands, from well to worst."""

    OK = "ok"
    UNKNOWN = "unknown"
    """It could not be looked at; the evidence says why."""
    WARNING = "warning"
    """It works now; it will not in a case that the evidence names."""
    FAULT = "fault"
    """It does not work, or takes traffic away from the others."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    """What was looked at, in words that stay the same for ever: `arp-announce`, `listener`, `default-route`."""
    subject: str
    """What it was looked at on: a VIP, an interface, `VIP tcp/80`, a real server."""
    verdict: Verdict
    evidence: str
    """What was seen, with the values."""
    remedy: str = ""
    """What to do, as a command where there is one; empty where all is well."""
    server: str = ""
    """The real server it was looked at on from afar, by its address; empty: this host, or none."""

    def as_json(self) -> dict[str, str]:
        """The finding as one JSON object, the same keys in every command."""
        return {
            "name": self.name,
            "subject": self.subject,
            "verdict": self.verdict.value,
            "evidence": self.evidence,
            "remedy": self.remedy,
            "server": self.server,
        }
