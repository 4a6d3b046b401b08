"""offload: the NIC hands on frames as they came, and none that it has merged and that cannot be sent on."""

from __future__ import annotations

from carom.doctor.case import Case, unknown, well
from carom.errors import NetError
from carom.finding import Finding, Verdict
from carom.net import nic

NAME = "offload"
MERGING = {"rx-lro": "lro", "rx-gro-hw": "rx-gro-hw"}
"""Offloads that merge frames in hardware, and what `ethtool -K` calls them."""


async def findings(case: Case) -> list[Finding]:
    try:
        on = [name for name in MERGING if name in nic.features(case.interface)]
    except NetError as error:
        return [unknown(NAME, case.interface, str(error))]
    if not on:
        return [well(NAME, case.interface, "frames are not merged before the packet program sees them")]
    evidence = (
        f"{' and '.join(on)} is on: frames merged by the NIC exceed the MTU when they are sent on, and uploads stall"
    )
    remedy = f"ethtool -K {case.interface} {' '.join(f'{MERGING[name]} off' for name in on)}"
    return [Finding(NAME, case.interface, Verdict.WARNING, evidence, remedy)]
