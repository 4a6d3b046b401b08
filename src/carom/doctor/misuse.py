"""What was seen of the VIPs while everything else was looked at, and what it means.

Every leak, every stranger and every reply that came the wrong way ends up here, whichever question brought it to light,
and so it is told once.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from carom.core import sightings
from carom.doctor.case import Case, well
from carom.errors import NetError
from carom.finding import Finding, Verdict
from carom.net import rtnetlink
from carom.sighting import Sighting, Sign

SECOND_DIRECTOR = "second-director"


def findings(case: Case) -> Iterator[Finding]:
    """One for each sighting; and that all is well with each VIP that no stranger was seen with."""
    reals = case.by_mac
    seen = _without_echoes(case)
    for sighting in seen:
        if sighting.mac in case.directors:
            yield _director(sighting, case)
        else:
            yield sightings.finding(sighting, reals, _also(sighting.mac, case))
    claimed = {sighting.vip for sighting in seen if sighting.sign is not Sign.SENT and sighting.mac not in reals}
    for vip in case.vips:
        if vip not in claimed:
            yield well("foreign-claim", str(vip), "nobody else on the segment says to have it")


def _without_echoes(case: Case) -> list[Sighting]:
    """A stranger that announces the VIP as well as answering for it is one finding."""
    answering = {(sighting.vip, sighting.mac) for sighting in case.sightings if sighting.sign is Sign.ANSWERED}
    reals = case.by_mac
    return [
        sighting
        for sighting in case.sightings
        if sighting.sign is not Sign.ANNOUNCED or sighting.mac in reals or (sighting.vip, sighting.mac) not in answering
    ]


def _director(sighting: Sighting, case: Case) -> Finding:
    who = f"{sighting.mac.hex(':')}{f' ({also})' if (also := _also(sighting.mac, case)) else ''}"
    if case.answering is False:
        return well(SECOND_DIRECTOR, str(sighting.vip), f"{who} is the active director, and this one is not")
    evidence = (
        f"{who} answers for {sighting.vip} and hands its packets to real servers: two directors are active, and a "
        "connection whose packets change between them may break"
    )
    remedy = "stop one of them, or see why they do not hear each other"
    return Finding(SECOND_DIRECTOR, str(sighting.vip), Verdict.FAULT, evidence, remedy)


def _also(mac: bytes, case: Case) -> str:
    """A station's own addresses, as far as the kernel has met them."""
    try:
        messages = list(rtnetlink.ask(rtnetlink.dump_neighbours()))
    except (NetError, OSError):
        return ""
    entries = (rtnetlink.decode_neighbour(message.body) for message in messages)
    known = {ip_address(entry.address) for entry in entries if entry and entry.mac == mac}
    return ", ".join(sorted(map(str, known - set(case.vips))))
