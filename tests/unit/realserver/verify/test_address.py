"""Whether the host owns the VIP, in the right place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from carom.finding import Finding, Verdict
from carom.realserver.verify.address import findings
from carom.realserver.view import Held, View
from tests.unit.realserver.words import BARE, LO, SOUND, VIP, VIP6, WISH, question


def judged(view: View, method: str = "sysctl", vip: object = VIP) -> dict[str, Finding]:
    wish = replace(WISH, vips=(VIP6 if vip == VIP6 else VIP,), method=method)
    return {finding.name: finding for finding in findings(question(view, wish))}


def held(*extra: Held, instead: object = None) -> View:
    kept = tuple(each for each in SOUND.held if each.address != instead)
    return replace(SOUND, held=(*kept, *extra))


def test_a_sound_host() -> None:
    verdicts = {finding.verdict for vip in (VIP, VIP6) for finding in judged(SOUND, vip=vip).values()}
    assert verdicts == {Verdict.OK}


def test_a_vip_that_is_missing() -> None:
    found = judged(BARE)
    assert set(found) == {"vip-address"}
    assert (found["vip-address"].verdict, found["vip-address"].remedy) == (
        Verdict.FAULT,
        f"carom real-server join --vip {VIP} --port tcp/80",
    )


def test_a_vip_on_an_interface_that_is_down() -> None:
    down = replace(SOUND, nics=tuple(replace(nic, up=nic != LO) for nic in SOUND.nics))
    assert judged(down)["vip-address"].remedy == "ip link set lo up"


def test_redirect_wants_it_nowhere() -> None:
    assert judged(BARE, "redirect")["vip-address"].verdict is Verdict.OK
    found = judged(SOUND, "redirect")["vip-address"]
    assert (found.verdict, found.remedy) == (Verdict.FAULT, f"ip address del {VIP}/32 dev lo")


@pytest.mark.parametrize(
    ("place", "verdict", "words"),
    [("lo", Verdict.FAULT, "makes all of 192.0.2.0/24 local"), ("eth0", Verdict.WARNING, "may speak as the VIP")],
)
def test_a_vip_that_brings_its_network(place: str, verdict: Verdict, words: str) -> None:
    found = judged(held(Held(VIP, 24, place), instead=VIP))["vip-prefix"]
    assert (found.verdict, words in found.evidence) == (verdict, True)


@pytest.mark.parametrize(
    ("address", "verdict", "words"),
    [
        (Held(VIP6, 128, "eth0", nodad=True), Verdict.OK, "never done"),
        (Held(VIP6, 128, "eth0"), Verdict.WARNING, "with the director up first, it will fail"),
        (Held(VIP6, 128, "eth0", tentative=True), Verdict.FAULT, "tentative"),
        (Held(VIP6, 128, "eth0", duplicate=True, tentative=True), Verdict.FAULT, "dadfailed"),
    ],
)
def test_duplicate_detection(address: Held, verdict: Verdict, words: str) -> None:
    found = judged(held(address, instead=VIP6), vip=VIP6)
    assert (found["duplicate-detection"].verdict, words in found["duplicate-detection"].evidence) == (verdict, True)
    assert found["neighbour-discovery"].verdict is Verdict.FAULT, "on the NIC it is answered for in any case"
