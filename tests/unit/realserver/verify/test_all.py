"""All findings of a host together."""

from __future__ import annotations

from dataclasses import replace

from carom.finding import Verdict
from carom.realserver.verify.all import verify
from carom.realserver.verify.question import Boot
from tests.unit.realserver.words import BARE, SOUND, VIP, VIP6, WISH, question


def test_a_sound_host_has_nothing_but_ok() -> None:
    found = verify(replace(question(SOUND), boot=Boot("systemd")))
    assert {finding.verdict for finding in found} == {Verdict.OK}
    assert not any(finding.remedy for finding in found)


def test_every_fault_has_a_remedy_and_every_name_stands_once_for_each_subject() -> None:
    found = verify(question(BARE, replace(WISH, vips=(VIP, VIP6))))
    assert all(finding.remedy for finding in found if finding.verdict in (Verdict.WARNING, Verdict.FAULT))
    keys = [(finding.name, finding.subject) for finding in found]
    assert len(keys) == len(set(keys))
