"""server: every real server is on the director's segment, and there once."""

from __future__ import annotations

import asyncio

from carom.doctor.case import Case, well
from carom.finding import Finding, Verdict
from carom.model import Address

NAME = "server"
QUESTIONS, APART = 2, 0.3
"""How often each is asked for, and the seconds that its answer has."""


async def findings(case: Case) -> list[Finding]:
    case.wire.mind(case.reals)
    for _ in range(QUESTIONS):
        await case.wire.ask(case.reals)
        await asyncio.sleep(APART)
    return [_one(real, case) for real in case.reals]


def _one(real: Address, case: Case) -> Finding:
    macs = sorted(mac.hex(":") for mac in case.wire.owners.get(real, ()))
    if len(macs) == 1:
        return well(NAME, str(real), f"it is at {macs[0]}", real)
    if macs:
        evidence = f"{' and '.join(macs)} both say that they are {real}: which of them gets its packets is chance"
        return Finding(NAME, str(real), Verdict.FAULT, evidence, "give one of them another address", str(real))
    if case.towards(real) is None:
        networks = ", ".join(str(own.network) for own in case.addresses if own.version == real.version)
        evidence = f"it is in none of {case.towards_reals}'s networks ({networks or f'it has no IPv{real.version}'})"
        remedy = "direct routing needs it on the director's own segment"
        return Finding(NAME, str(real), Verdict.FAULT, evidence, remedy, str(real))
    asked = "ARP" if real.version == 4 else "neighbour solicitations"
    evidence = f"nobody on {case.towards_reals} answers {asked} for it"
    remedy = "see whether it runs, and look at its cable and its VLAN"
    return Finding(NAME, str(real), Verdict.FAULT, evidence, remedy, str(real))
