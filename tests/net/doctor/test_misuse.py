"""What was seen of the VIPs, and what is said of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from carom.doctor.case import Case
from carom.finding import Finding, Verdict
from carom.lab.standing import Lab
from carom.sighting import Sighting, Sign
from tests.net.doctor.ward import REAL2, VIP, VIP6, ask, mac, of, wrong
from tests.net.labs import on


def seen(*signs: tuple[str, Sign], director: bool = False) -> Callable[[Case], Awaitable[list[Finding]]]:
    """As if these stations had been seen with the first VIP."""

    async def findings(case: Case) -> list[Finding]:
        for node, sign in signs:
            station = bytes.fromhex(mac(node).replace(":", ""))
            case.wire.sightings[Sighting(case.vips[0], station, sign)] = None
            if director:
                case.directors.add(station)
        return []

    return findings


def test_nothing_was_seen(lab: Lab) -> None:
    found = ask(lab)
    assert of(found, "foreign-claim") == {(VIP, ""): Verdict.OK, (VIP6, ""): Verdict.OK}
    assert wrong(found) == set()


@pytest.mark.parametrize(
    ("sign", "name"),
    [(Sign.ANSWERED, "arp-ignore"), (Sign.ANNOUNCED, "arp-announce"), (Sign.SENT, "default-route")],
)
def test_a_real_server_is_told_by_its_address(lab: Lab, sign: Sign, name: str) -> None:
    found = ask(lab, seen(("real2", sign)))
    assert wrong(found) == {(name, VIP, REAL2)}
    assert of(found, "foreign-claim")[VIP, ""] is Verdict.OK


def test_a_stranger_that_answers_and_announces_is_one_finding(lab: Lab) -> None:
    found = ask(lab, seen(("gateway1", Sign.ANSWERED), ("gateway1", Sign.ANNOUNCED)))
    [finding] = [each for each in found if each.name == "foreign-claim" and each.subject == VIP]
    assert finding.evidence.startswith(mac("gateway1"))
    assert f"answers who has {VIP}: " in finding.evidence


def test_a_stranger_that_the_kernel_has_met_is_told_by_its_address_too(lab: Lab) -> None:
    on(lab, "director", "ping", "-qc1", "192.168.76.2")
    [finding] = [each for each in ask(lab, seen(("gateway1", Sign.ANSWERED))) if each.verdict is Verdict.FAULT]
    assert f"{mac('gateway1')} (192.168.76.2), no real server" in finding.evidence


def test_a_director_is_told_as_one(lab: Lab) -> None:
    found = ask(lab, seen(("gateway1", Sign.ANSWERED), director=True))
    assert wrong(found) == {("second-director", VIP, "")}
