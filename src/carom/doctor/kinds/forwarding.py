"""forwarding: the director's host does not pass on what the packet program leaves to it."""

from __future__ import annotations

from carom.doctor.case import Case, well
from carom.finding import Finding, Verdict
from carom.net import sysctl

NAME = "forwarding"
_FAMILIES = {4: "ipv4", 6: "ipv6"}


async def findings(case: Case) -> list[Finding]:
    versions = sorted({vip.version for vip in case.vips})
    nics = dict.fromkeys((case.interface, case.towards_reals))
    return [_one(_FAMILIES[version], nic) for version in versions for nic in nics]


def _one(family: str, interface: str) -> Finding:
    subject = f"{interface} {family}"
    if not sysctl.read(f"{family}/conf/{interface}/forwarding"):
        return well(NAME, subject, "the host forwards nothing; the packet program does not need it to")
    evidence = (
        "the host forwards: what comes for a VIP and no service takes goes back onto the segment, and a real server "
        "that has the director for its gateway is served, slowly, instead of found"
    )
    return Finding(
        NAME, subject, Verdict.WARNING, evidence, f"sysctl -w net.{family}.conf.{_spelt(interface)}.forwarding=0"
    )


def _spelt(interface: str) -> str:
    """sysctl(8) swaps `.` and `/` inside an interface's name."""
    return interface.replace(".", "/")
