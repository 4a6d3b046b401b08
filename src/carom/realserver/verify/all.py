"""Every finding about one question, in the order in which a packet would meet them."""

from __future__ import annotations

from carom.finding import Finding
from carom.realserver.verify import address, arp, boot, path, service
from carom.realserver.verify.question import Question

SUBJECTS = (arp, address, path, service, boot)


def verify(question: Question) -> tuple[Finding, ...]:
    return tuple(finding for subject in SUBJECTS for finding in subject.findings(question))
