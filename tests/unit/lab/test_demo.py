"""What the demo makes of what it saw."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from carom.lab.counters import Leg
from carom.lab.demo import DOWNLOAD, Outcome, document, expected
from carom.lab.network import Wire
from carom.lab.replies import Replies
from carom.lab.traffic import Answer, Tally
from tests.unit.lab.outcomes import GOOD


def test_a_real_servers_share_is_its_weights() -> None:
    assert expected() == {"real1": 150, "real2": 100, "real3": 50}


def test_nothing_is_wrong_with_a_good_one() -> None:
    assert GOOD.problems == []


def test_a_share_may_be_two_percent_of_all_requests_off() -> None:
    near = replace(GOOD, tally=Tally(300, Counter(real1=144, real2=106, real3=50)))
    far = replace(GOOD, tally=Tally(300, Counter(real1=143, real2=107, real3=50)))
    assert near.problems == []
    assert far.problems == [
        "real1 answered 143 requests where its weight asks for 150",
        "real2 answered 107 requests where its weight asks for 100",
    ]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (
            replace(GOOD, tally=Tally(300, Counter(real1=149, real2=100, real3=50), ["TimeoutError: timed out"])),
            "1 of 300 requests failed: TimeoutError: timed out",
        ),
        (replace(GOOD, download=None), "the download of 67108864 bytes broke off"),
        (replace(GOOD, download=Answer("real1", 5, 0.1)), "the download of 67108864 bytes broke off"),
        (replace(GOOD, answers=()), "nobody answered ARP for 192.168.76.24"),
        (
            replace(GOOD, answers=("02:00:00:00:76:10", "02:00:00:00:76:31")),
            "real1 at 02:00:00:00:76:31 answered ARP for 192.168.76.24",
        ),
        (
            replace(GOOD, answers=("02:00:00:00:99:99",)),
            "an unknown station at 02:00:00:00:99:99 answered ARP for 192.168.76.24",
        ),
        (
            replace(GOOD, replies={**GOOD.replies, "director": Replies(entered=60, left=60)}),
            "120 bytes of replies passed the director",
        ),
        (replace(GOOD, replies={"gateway1": Replies(left=400)}), "no reply went home through gateway2"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(bad: Outcome, problem: str) -> None:
    assert bad.problems == [problem]


def test_the_document() -> None:
    assert document(GOOD) == {
        "ok": True,
        "problems": [],
        "requests": 300,
        "failed": 0,
        "by_real": {"real1": 150, "real2": 100, "real3": 50},
        "expected_by_real": {"real1": 150, "real2": 100, "real3": 50},
        "download": {"bytes": DOWNLOAD, "real": "real1", "seconds": 0.5},
        "vip": "192.168.76.24",
        "arp_owner": "director",
        "arp_mac": "02:00:00:00:76:10",
        "arp_answers": {"02:00:00:00:76:10": "director"},
        "director_rx_bytes": 200,
        "director_tx_bytes": 100,
        "gateway_tx_bytes": {"gateway1": 100, "gateway2": 100},
        "reply_bytes_home": {"gateway1": 400, "gateway2": 100},
        "reply_bytes_through_director": 0,
        "xdp_mode": "native",
        "seconds": 2.5,
    }


def test_two_owners_are_none() -> None:
    contested = document(replace(GOOD, answers=("02:00:00:00:76:10", "02:00:00:00:76:31")))
    assert (contested["arp_owner"], contested["arp_mac"], contested["ok"]) == (None, None, False)
    assert contested["arp_answers"] == {"02:00:00:00:76:10": "director", "02:00:00:00:76:31": "real1"}


def test_a_leg_counts_for_the_document_as_its_node_sees_it() -> None:
    legs = {**GOOD.legs, (Wire.SEGMENT, "director"): Leg(7, 700, 8, 800), (Wire.INTERNET, "gateway2"): Leg(9, 900)}
    seen = document(replace(GOOD, legs=legs))
    assert (seen["director_rx_bytes"], seen["director_tx_bytes"]) == (800, 700)
    assert seen["gateway_tx_bytes"] == {"gateway1": 100, "gateway2": 900}
