"""arp-ignore, neighbour-discovery: asked who has a VIP, the real servers keep quiet.

The question comes from a station that is new on the segment (RFC 5227's probe), three times. Who does answer is told
by `carom.doctor.misuse`.
"""

from __future__ import annotations

import asyncio

from carom.doctor.case import Case, well
from carom.finding import Finding

_NAMES = {4: "arp-ignore", 6: "neighbour-discovery"}
QUESTIONS, APART = 3, 0.3
"""How often each VIP is asked for, and the seconds that answers have."""


async def findings(case: Case) -> list[Finding]:
    for _ in range(QUESTIONS):
        for wire in case.wires:
            await wire.ask(case.vips)
        await asyncio.sleep(APART)
    return [
        well(_NAMES[vip.version], str(vip), "asked who has it, it keeps quiet", real)
        for vip, real in case.pairs
        if case.wire.owners.get(real)
    ]
