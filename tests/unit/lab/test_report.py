"""What a person reads."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from carom.lab import report
from carom.lab.replies import Replies
from carom.lab.standing import Lab, Record
from carom.lab.survey import Survey
from carom.lab.traffic import Tally
from tests.unit.lab.outcomes import GOOD


def facts(text: str) -> list[str]:
    """The lines below the drawing and its legend."""
    return text.split("\n\n")[2].splitlines()


def test_a_good_demo() -> None:
    assert facts(report.demo(GOOD)) == [
        "Requests  300 of 300 answered, each on a fresh connection",
        "          real1  ██████████████████████████████  150   its weight, 3, asks for 150",
        "          real2  ████████████████████            100   its weight, 2, asks for 100",
        "          real3  ██████████                       50   its weight, 1, asks for 50",
        "ARP       who has 192.168.76.24? director (02:00:00:00:76:10), and nobody else",
        "Way home  500 bytes of replies went straight home: 400 bytes by gateway1, 100 bytes by gateway2",
        "          0 bytes of replies passed the director",
        "Director  200 bytes in, 100 bytes out; XDP on eth0 in native mode",
        "Download  67.1 MB from real1 in 0.50 s, 134.2 MB a second",
        "Time      2.5 s",
    ]
    assert report.verdict(GOOD).startswith("All as it should be")


def test_a_bad_demo_says_what_is_wrong() -> None:
    bad = replace(
        GOOD,
        tally=Tally(300, Counter(), ["TimeoutError: timed out"]),
        download=None,
        answers=(),
        replies={"director": Replies(60, 60)},
    )
    text = report.demo(bad)
    assert "0 of 300 answered" in text
    assert "nobody answered for 192.168.76.24" in text
    assert "120 bytes of replies passed the director" in text
    assert "Download  broke off" in text
    assert report.verdict(bad).splitlines()[:2] == [
        "Not as it should be:",
        "  300 of 300 requests failed: TimeoutError: timed out",
    ]


def test_a_rival_for_the_vip_is_named() -> None:
    contested = replace(GOOD, answers=("02:00:00:00:76:10", "02:00:00:00:76:32", "02:00:00:00:99:99"))
    assert ("director (02:00:00:00:76:10), real2 (02:00:00:00:76:32), a stranger (02:00:00:00:99:99)\n") in report.demo(
        contested
    )


def test_everything_fits_a_terminal() -> None:
    shown = (report.demo(GOOD), report.verdict(GOOD), report.how_to_go_on(), report.invitation(Lab("lab")))
    for text in (*shown, report.faults()):
        assert max(map(len, text.splitlines())) <= 100


def test_a_lab_of_another_name_is_named_in_every_command() -> None:
    assert "carom lab exec client -- " in report.invitation(Lab("lab"))
    mine = report.invitation(Lab("mine"))
    assert "carom lab exec --name mine client -- " in mine
    assert "carom lab down --name mine" in mine


def test_a_standing_lab() -> None:
    seen = Survey(
        lab=Lab("lab"),
        record=Record("/etc/carom/carom.toml", ("192.168.76.24",), "2026-01-02T03:04:05+00:00", standing=True),
        processes={"client": [], "director": [11], "real1": [21, 22]},
        legs=GOOD.legs,
        replies=GOOD.replies,
        status=GOOD.status,
    )
    assert facts(report.survey(seen)) == [
        "Lab       lab, up since 2026-01-02T03:04:05+00:00; files in /run/carom/lab/lab",
        "Director  xdp on eth0 in native mode; configuration /etc/carom/carom.toml",
        "Replies   0 bytes of them passed the director",
        "Running   director  11",
        "          real1     21 22",
    ]
    assert "Director  no daemon answers on /run/carom/lab/lab/carom.sock" in report.survey(replace(seen, status=None))
    broken = replace(seen, broken={"real1": ("no-vip", "small-mtu")})
    assert facts(report.survey(broken))[-1] == "Broken    real1: no-vip, small-mtu"


def test_every_fault_is_told_with_its_nodes() -> None:
    lines = report.faults().splitlines()
    assert lines[0] == "no-arp-ignore    real1-3     Asked who has the VIP, it answers: arp_ignore is 0."
    assert [line for line in lines if " director " in line]
    assert [line for line in lines if " gateway1-2 " in line]


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (67_108_864, "67.1 MB"), (5e12, "5000.0 GB")],
)
def test_sizes(count: float, text: str) -> None:
    assert report.size(count) == text
