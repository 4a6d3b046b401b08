"""local-vip: the VIPs belong to the packet program, and are no addresses of the director's host."""

from __future__ import annotations

from carom.doctor.case import Case, well
from carom.finding import Finding, Verdict
from carom.model import Address

NAME = "local-vip"


async def findings(case: Case) -> list[Finding]:
    return [_one(vip, case) for vip in case.vips]


def _one(vip: Address, case: Case) -> Finding:
    place = case.local.get(vip)
    if place is None:
        return well(NAME, str(vip), "it is no address of the director's own")
    evidence = (
        f"it is on {place.interface}: the director's host answers what the packet program leaves to it, and health "
        "checks of the VIP end there instead of on the real servers"
    )
    return Finding(
        NAME, str(vip), Verdict.FAULT, evidence, f"ip address del {vip}/{place.prefix} dev {place.interface}"
    )
