"""Program and oracle, told the same random stories: `./dev fuzz` tells more of them.

CAROM_FUZZ_PACKETS is how many packets; 32,768 unless it says otherwise. CAROM_FUZZ_SEED tells other stories.
"""

from __future__ import annotations

import os

import pytest

from tests.fuzz.__main__ import tell
from tests.fuzz.duet import Programs, Tally
from tests.fuzz.story import STORY, story

PACKETS = int(os.environ.get("CAROM_FUZZ_PACKETS", "32768"))
SEED = os.environ.get("CAROM_FUZZ_SEED", "1")
RARE = {"table_full", "no_mac", "no_inside", "internal"}
"""Reasons that none has here: the table has room, who was ever chosen has a MAC, and there is one NIC."""

pytestmark = [pytest.mark.root, pytest.mark.timeout(400 + PACKETS // 200)]


@pytest.fixture(scope="module")
def tally(programs: Programs) -> Tally:
    """What was played, once nothing disagreed."""
    whole = Tally()
    for number in range(-(-PACKETS // STORY)):
        told = tell(programs, f"{SEED}:{number}")
        assert not told.found, told.found
        whole.add(told.tally)
    return whole


def test_program_and_oracle_agree(tally: Tally) -> None:
    assert tally.packets >= PACKETS
    assert tally.changes > PACKETS / 500
    assert tally.waits > PACKETS / 500


def test_packets_end_in_every_way_there_is(programs: Programs, tally: Tally) -> None:
    """A fuzz of nothing but nonsense would agree too."""
    ended = {reason for _, reason in tally.ends}
    assert {reason.name for reason in programs.xdp.loaded.reasons} - RARE <= ended


def test_many_are_sent_on(tally: Tally) -> None:
    taken = {"forwarded", "stray", "icmp_forwarded", "local"}
    sent = sum(count for (_, reason), count in tally.ends.items() if reason in taken)
    assert sent > tally.packets / 6


def test_the_same_name_tells_the_same_story() -> None:
    assert list(story("a:1", 256)) == list(story("a:1", 256)) != list(story("a:2", 256))
