"""second-director: of the strangers that answer for a VIP, which are directors.

Each is handed a TCP segment of no connection for the VIP, with one hop to live: a router lets it die. A host that has
the VIP for itself answers with a reset, from its own MAC. A director hands it on as it is, and the reset comes from a
real server. So the two are told apart by what they do.
"""

from __future__ import annotations

import asyncio
from random import randrange

from carom.doctor.case import Case
from carom.doctor.wire import Wire
from carom.finding import Finding
from carom.model import Address, Protocol
from carom.net import frames
from carom.net.frames import Way
from carom.sighting import Sign

WAIT = 0.5
"""Seconds that an answer has."""
_FIRST_PORT, _PORTS = 49152, 16384
"""Dynamic ports (RFC 6335 section 6)."""


async def findings(case: Case) -> list[Finding]:
    """None of its own: it notes the directors, and `carom.doctor.misuse` says what that means."""
    reals = case.by_mac
    strangers = {
        _FIRST_PORT + randrange(_PORTS): (sighting.vip, sighting.mac)
        for sighting in case.front.sightings
        if sighting.sign is Sign.ANSWERED and sighting.mac not in reals
    }
    if not strangers:
        return []
    answers: dict[int, bytes] = {}
    # Answers to our own address: the other wire leaves those out, as it must with health checks under way.
    wire = Wire(case.towards_reals, case.vips, own=())
    wire.on_packet = lambda packet: answers.update({packet.port: packet.mac})
    try:
        for port, (vip, mac) in strangers.items():
            _hand(vip, mac, port, case)
        await asyncio.sleep(WAIT)
    finally:
        wire.close()
    case.directors.update(mac for port, (_, mac) in strangers.items() if answers.get(port) in reals)
    return []


def _hand(vip: Address, mac: bytes, port: int, case: Case) -> None:
    """Give the stranger a segment for the first TCP port of the VIP."""
    own = case.towards(vip) or next((own for own in case.addresses if own.version == vip.version), None)
    served = [
        entry.first
        for service in case.config.services
        for entry in service.ports
        if service.vip == vip and entry.protocol is Protocol.TCP
    ]
    if own is not None and served:
        way = Way(case.front.mac, mac, own.ip, vip, hops=1)
        case.front.send(frames.stray_ack(way, port, served[0]))
